# A user that CI works as, with an access key. If its key leaks, what the two policies say is all the finder can do.

resource "aws_iam_user" "this" {
  name = "ci-${var.project_id}-${var.env}-server-user"
  tags = var.tags

  # Keys are replaced outside Terraform, by ecrwiz or in the console. Without this, AWS would refuse to
  # delete the user because of a key that Terraform knows nothing of.
  force_destroy = true
}

resource "aws_iam_user_policy" "push" {
  name   = "push-to-ecr"
  user   = aws_iam_user.this.name
  policy = var.push_policy
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
