# What CI may do, whether it works as a user or as a role: push to the repositories named and, when `ecs` is set, bring
# a new image into that one service. No delete, no other repository, no IAM.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  # aws, aws-cn or aws-us-gov, this account, this region: nothing of it is written down twice.
  place = "${data.aws_partition.current.partition}:ecs:${data.aws_region.current.id}:${data.aws_caller_identity.current.account_id}"
  roles = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:role"

  push = {
    Version = "2012-10-17"
    Statement = [
      {
        # `docker login`. AWS knows no narrower resource for it, and the token it gives can do no more than
        # the statement below.
        Sid      = "Login"
        Effect   = "Allow"
        Action   = "ecr:GetAuthorizationToken"
        Resource = "*"
      },
      {
        Sid    = "Push"
        Effect = "Allow"
        Action = [
          # `docker push`: asks which layers are there, uploads the others, then names the image.
          "ecr:BatchCheckLayerAvailability",
          "ecr:InitiateLayerUpload",
          "ecr:UploadLayerPart",
          "ecr:CompleteLayerUpload",
          "ecr:PutImage",
          # `docker pull`: an earlier image as the build's cache.
          "ecr:BatchGetImage",
          "ecr:GetDownloadUrlForLayer",
          # To see that the image arrived, and under which digest.
          "ecr:DescribeImages",
        ]
        Resource = var.ecr_resource_arns
      },
    ]
  }

  # What `aws ecs describe-task-definition`, `register-task-definition` and `update-service` need for one service. It
  # can start no other task, make no service, delete nothing.
  deploy = var.ecs == null ? null : {
    Version = "2012-10-17"
    Statement = [
      {
        # The revision that runs now, to put the new image into a copy of it. AWS knows no narrower resource for
        # this action, and no condition.
        Sid      = "ReadTaskDefinition"
        Effect   = "Allow"
        Action   = "ecs:DescribeTaskDefinition"
        Resource = "*"
      },
      {
        # New revisions of this family alone, whichever number they get.
        Sid    = "RegisterTaskDefinition"
        Effect = "Allow"
        Action = "ecs:RegisterTaskDefinition"
        Resource = [
          "arn:${local.place}:task-definition/${var.ecs.task_family}",
          "arn:${local.place}:task-definition/${var.ecs.task_family}:*",
        ]
      },
      {
        # Start them in this service, and wait until it is stable.
        Sid      = "Deploy"
        Effect   = "Allow"
        Action   = ["ecs:UpdateService", "ecs:DescribeServices"]
        Resource = "arn:${local.place}:service/${var.ecs.cluster}/${var.ecs.service}"
        Condition = {
          ArnEquals = { "ecs:cluster" = "arn:${local.place}:cluster/${var.ecs.cluster}" }
          # Not a revision of another family, whose roles may do more. (Describing names no revision.)
          ArnLikeIfExists = { "ecs:task-definition" = "arn:${local.place}:task-definition/${var.ecs.task_family}:*" }
        }
      },
      {
        # A task definition names the roles that its tasks get. To name a role is to hand over what it may do, so
        # these two only, and to ECS tasks only.
        Sid    = "PassRoles"
        Effect = "Allow"
        Action = "iam:PassRole"
        Resource = distinct([
          "${local.roles}/${var.ecs.execution_role}",
          "${local.roles}/${var.ecs.task_role}",
        ])
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
    ]
  }
}
