variable "ecr_resource_arns" {
  description = "The repositories that CI may push to, by ARN."
  type        = list(string)

  validation {
    # Not the ARNs themselves: they are unknown until the repository is made.
    condition     = length(var.ecr_resource_arns) > 0
    error_message = "ecr_resource_arns needs at least one repository's ARN."
  }
}

variable "ecs" {
  description = "The ECS service that CI may deploy to, all by name: null for none."
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
