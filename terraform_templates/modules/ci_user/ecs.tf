# Only when CI deploys to ECS: modules/ci_policy says what that takes.

resource "aws_iam_user_policy" "deploy" {
  count = var.deploy_policy == null ? 0 : 1

  name   = "deploy-to-ecs"
  user   = aws_iam_user.this.name
  policy = var.deploy_policy
}
