variable "project_id" {
  description = "Names the project in the user's name."
  type        = string
}

variable "env" {
  description = "The environment that the user works for."
  type        = string

  validation {
    # IAM's own limit, said before anything is made.
    condition     = length("ci-${var.project_id}-${var.env}-server-user") <= 64
    error_message = "The user's name ci-<project_id>-<env>-server-user may have 64 characters: shorten project_id or env."
  }
}

variable "pgp_key" {
  description = "An OpenPGP public key in base64; the access key's secret is encrypted to it."
  type        = string
  nullable    = false

  validation {
    # Without a key AWS's answer, the plain secret, would go into the state.
    condition     = length(var.pgp_key) >= 64 && can(regex("^[A-Za-z0-9+/]+={0,2}$", var.pgp_key))
    error_message = "pgp_key is an OpenPGP public key in base64 without armor."
  }
}

variable "push_policy" {
  description = "The policy, in JSON, by which the user may push images."
  type        = string
  nullable    = false
}

variable "deploy_policy" {
  description = "The policy, in JSON, by which the user may deploy them; null for none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the user besides those that the provider sets by itself."
  type        = map(string)
  default     = {}
}
