output "arn" {
  description = "The role's ARN, which a workflow names to assume it."
  # Known only when its policies are there too, so that whoever gets it can use it.
  value      = aws_iam_role.this.arn
  depends_on = [aws_iam_role_policy.push, aws_iam_role_policy.deploy]
}
