# Which Terraform and which provider this was written for, and where Terraform keeps its state.

terraform {
  # 1.6 is the oldest that these files were written for.
  required_version = ">= 1.6"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 7 may change what these resources mean, so moving to it is a decision of yours.
      version = ">= 5.60, < 7.0"
    }
  }

  # The state is a file on this machine: terraform.tfstate in this folder, or wherever
  # `terraform init -backend-config=path=...` says. It holds no plain secret (see modules/ci_user), but it
  # names your account and resources, so .gitignore keeps it out of the repository.
  # When more than one person applies, replace this by a shared backend such as s3.
  backend "local" {}
}

provider "aws" {
  region = var.aws_region

  # On everything made here, so that it can be found, and its cost told apart, in the console.
  default_tags {
    tags = {
      project    = var.project_id
      env        = var.env
      managed-by = "ecrwiz"
    }
  }
}
