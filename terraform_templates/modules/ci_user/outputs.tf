output "name" {
  description = "The user's name."
  value       = aws_iam_user.this.name
}

output "aws_iam_access_id" {
  description = "The access key's id."
  value       = aws_iam_access_key.this.id
}

output "aws_iam_access_key" {
  description = "The access key's secret, ENCRYPTED to pgp_key and in base64."
  value       = aws_iam_access_key.this.encrypted_secret
}
