# The values that differ between projects; terraform.tfvars sets them from your answers in ecrwiz.toml.
# ecrwiz has checked them already. The rules are repeated for whoever edits terraform.tfvars by hand.

variable "project_id" {
  description = "Names the project in every resource, such as my-blog."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]+(?:[._-][a-z0-9]+)*$", var.project_id))
    error_message = "project_id may hold lower-case letters and digits, with single '.', '_' or '-' between them."
  }
}

variable "env" {
  description = "The environment that the CI user works for, such as dev or prod."
  type        = string
  default     = "dev"

  validation {
    condition     = can(regex("^[a-z0-9]+(?:[._-][a-z0-9]+)*$", var.env))
    error_message = "env may hold lower-case letters and digits, with single '.', '_' or '-' between them."
  }
}

variable "app" {
  description = "The last part of the repository's name; one project may hold several applications."
  type        = string

  validation {
    condition     = can(regex("^[a-z0-9]+(?:[._-][a-z0-9]+)*$", var.app))
    error_message = "app may hold lower-case letters and digits, with single '.', '_' or '-' between them."
  }
}

variable "aws_region" {
  description = "The region that holds the repository, such as us-east-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+(?:-[a-z]+)+-[0-9]+$", var.aws_region))
    error_message = "aws_region is a code such as us-east-1."
  }
}

variable "ci_user_pgp_key" {
  description = <<-EOT
    The public half of an OpenPGP key, base64 without armor. AWS shows a new access key's secret once, to
    Terraform; with this key Terraform keeps it encrypted, so that no state, plan or output holds it in
    plain text. ecrwiz makes the key, keeps its private half in your keyring and sets this variable in
    ci_user_key.auto.tfvars. It is not in terraform.tfvars because it belongs to one access key only.
  EOT
  type        = string

  validation {
    # A key that cannot be read passes the plan and fails only after AWS has made the access key.
    # (base64decode would not do: it accepts nothing but text, and a key is binary.)
    condition     = length(var.ci_user_pgp_key) >= 64 && can(regex("^[A-Za-z0-9+/]+={0,2}$", var.ci_user_pgp_key))
    error_message = "ci_user_pgp_key is an OpenPGP public key in base64 without armor; `ecrwiz run provision` sets it."
  }
}
