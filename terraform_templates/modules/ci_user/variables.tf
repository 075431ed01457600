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

variable "ecr_resource_arns" {
  description = "The repositories that the user may push to, by ARN."
  type        = list(string)

  validation {
    # Not the ARNs themselves: they are unknown until the repository is made.
    condition     = length(var.ecr_resource_arns) > 0
    error_message = "ecr_resource_arns needs at least one repository's ARN."
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

variable "ecs" {
  description = "The ECS service that the user may deploy to, all by name: null for none."
  type = object({
    cluster        = string
    service        = string
    task_family    = string
    execution_role = string
    task_role      = string
  })
  default = null

  validation {
    # A `*` or a `/` in a name would be a pattern or another resource in the policy.
    condition = var.ecs == null ? true : alltrue([
      for name in [var.ecs.cluster, var.ecs.service, var.ecs.task_family] : can(regex("^[A-Za-z0-9_-]{1,255}$", name))
    ])
    error_message = "Names of an ECS cluster, service and task family have 1 to 255 letters, digits, '-' and '_'."
  }

  validation {
    condition = var.ecs == null ? true : alltrue([
      for name in [var.ecs.execution_role, var.ecs.task_role] : can(regex("^[A-Za-z0-9_+=,.@-]{1,64}$", name))
    ])
    error_message = "Names of IAM roles have 1 to 64 letters, digits and '_+=,.@-', and no path."
  }
}

variable "tags" {
  description = "Tags of the user besides those that the provider sets by itself."
  type        = map(string)
  default     = {}
}
