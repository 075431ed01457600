# The identity that CI works as: it can push to the repositories named and, when `ecs` is set, bring a new image
# into that one service. If its key leaks, that is all the finder can do: no delete, no other repository, no IAM.

resource "aws_iam_user" "this" {
  name = "ci-${var.project_id}-${var.env}-server-user"
  tags = var.tags

  # Keys are replaced outside Terraform, by ecrwiz or in the console. Without this, AWS would refuse to
  # delete the user because of a key that Terraform knows nothing of.
  force_destroy = true
}

resource "aws_iam_user_policy" "push" {
  name = "push-to-ecr"
  user = aws_iam_user.this.name

  policy = jsonencode({
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
  })
}

resource "aws_iam_access_key" "this" {
  user    = aws_iam_user.this.name
  pgp_key = var.pgp_key

  lifecycle {
    # The key is encrypted once, when it is made. Another pgp_key later must not replace it: CI would stop.
    # (No create_before_destroy: IAM allows two keys, and one that you made yourself may be the second.)
    ignore_changes = [pgp_key]
  }
}
