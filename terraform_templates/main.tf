# A private ECR repository for the application's image, and a user for CI that can push to it and to nothing else.

# Whose account this is, for the output: it shows where things were made before anything is pushed there.
data "aws_caller_identity" "current" {}

resource "aws_ecr_repository" "main" {
  name = "web/${var.project_id}/${var.app}"

  # As in the article: `latest` moves to each new image. IMMUTABLE protects every tag, and then a push of
  # `latest` works only once.
  image_tag_mutability = "MUTABLE"

  # Terraform then refuses to delete a repository with images in it. `ecrwiz destroy` lists and removes the
  # images first, after you typed the project's name.
  force_delete = false

  # Known vulnerabilities show up with the image in the console and in DescribeImageScanFindings.
  image_scanning_configuration {
    scan_on_push = true
  }

  # Encryption at rest by a key that ECR owns: free, and nothing to manage. KMS is for keys of your own;
  # a change of this makes a new repository.
  encryption_configuration {
    encryption_type = "AES256"
  }
}

# Each push leaves an image behind, and stored images cost money.
resource "aws_ecr_lifecycle_policy" "main" {
  repository = aws_ecr_repository.main.name

  policy = jsonencode({
    rules = [
      {
        rulePriority = 1
        # An image loses its tag when `latest` moves on and it has no other. The days are for whoever still
        # runs it by its digest.
        description = "Untagged images go after 14 days"
        selection = {
          tagStatus   = "untagged"
          countType   = "sinceImagePushed"
          countUnit   = "days"
          countNumber = 14
        }
        action = { type = "expire" }
      },
      {
        rulePriority = 2
        # tagStatus "any" would count untagged images among the 30 and could push out tagged ones that are
        # needed for a way back; "tagged" needs a pattern, and "*" is every tag.
        description = "The 30 newest tagged images stay"
        selection = {
          tagStatus      = "tagged"
          tagPatternList = ["*"]
          countType      = "imageCountMoreThan"
          countNumber    = 30
        }
        action = { type = "expire" }
      },
    ]
  })
}

module "ci_user" {
  source = "./modules/ci_user"

  project_id = var.project_id
  env        = var.env
  pgp_key    = var.ci_user_pgp_key

  # Exactly this repository. Add ARNs here when the same CI pushes more images.
  ecr_resource_arns = [aws_ecr_repository.main.arn]
}
