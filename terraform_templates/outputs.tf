# What a CI workflow and the next modules of the series need, under the article's names.

output "ecr_repo_url" {
  description = "The registry's host, for `docker login` (the article's name for it)."
  # From the repository itself, not put together from account and region: hosts differ between partitions
  # (amazonaws.com.cn in China).
  value = split("/", aws_ecr_repository.main.repository_url)[0]
}

output "ecr_repo_path" {
  description = "The repository's name; an image is ecr_repo_url/ecr_repo_path:tag."
  value       = aws_ecr_repository.main.name
}

output "aws_region" {
  description = "The region that holds the repository, as its ARN says."
  value       = split(":", aws_ecr_repository.main.arn)[3]
}

output "account" {
  description = "The AWS account that holds the repository, as its ARN says."
  value       = split(":", aws_ecr_repository.main.arn)[4]
}

output "ci_user" {
  description = "The name of the IAM user that CI works as."
  value       = module.ci_user.name
}

output "aws_iam_access_id" {
  description = "The CI user's access key id; no secret, it appears in AWS's own logs."
  value       = module.ci_user.aws_iam_access_id
}

output "aws_iam_access_key" {
  description = "The CI user's secret access key, ENCRYPTED to ci_user_pgp_key and in base64."
  value       = module.ci_user.aws_iam_access_key
}
