# A role that runs of GitHub's workflows assume with the token that GitHub gives to each run: there is no secret that
# could leak. AWS's answer ends by itself after an hour.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  # GitHub's OpenID Connect provider in this account. The account has one of it, which all its roles share, so it is
  # named here and not a resource: ecrwiz makes it when it is missing, and no destroy takes it away.
  provider = "arn:${data.aws_partition.current.partition}:iam::${data.aws_caller_identity.current.account_id}:oidc-provider/${var.issuer}"
}

resource "aws_iam_role" "this" {
  name                 = "ci-${var.project_id}-${var.env}-server-role"
  max_session_duration = 3600
  tags                 = var.tags

  # A policy that somebody attached by hand would keep AWS from deleting the role.
  force_detach_policies = true

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "GitHubActions"
        Effect    = "Allow"
        Action    = "sts:AssumeRoleWithWebIdentity"
        Principal = { Federated = local.provider }
        # Both claims must be there and be exactly one of these. StringLike would take patterns, and ForAllValues is
        # true of a token that lacks the claim.
        Condition = {
          StringEquals = {
            "${var.issuer}:aud" = var.audience
            "${var.issuer}:sub" = var.subjects
          }
        }
      },
    ]
  })
}

resource "aws_iam_role_policy" "push" {
  name   = "push-to-ecr"
  role   = aws_iam_role.this.name
  policy = var.push_policy
}

# Only when CI deploys to ECS: modules/ci_policy says what that takes.
resource "aws_iam_role_policy" "deploy" {
  count = var.deploy_policy == null ? 0 : 1

  name   = "deploy-to-ecs"
  role   = aws_iam_role.this.name
  policy = var.deploy_policy
}
