variable "project_id" {
  description = "Names the project in the role's name."
  type        = string
}

variable "env" {
  description = "The environment that the role is for."
  type        = string

  validation {
    # IAM's own limit, said before anything is made.
    condition     = length("ci-${var.project_id}-${var.env}-server-role") <= 64
    error_message = "The role's name ci-<project_id>-<env>-server-role may have 64 characters: shorten project_id or env."
  }
}

variable "issuer" {
  description = "Who signs the tokens, without https://, such as token.actions.githubusercontent.com."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?:/[A-Za-z0-9._-]+)*$", var.issuer))
    error_message = "issuer is a host, and perhaps a path, without https://."
  }
}

variable "audience" {
  description = "Whom the tokens are for: STS, as the partition names it."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]+$", var.audience))
    error_message = "audience is a name such as sts.amazonaws.com."
  }
}

variable "subjects" {
  description = "The claim `sub` of each run that may assume the role, whole and exact."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.subjects) > 0
    error_message = "subjects needs at least one subject, else nobody could assume the role."
  }

  validation {
    # StringEquals takes them as they are, but whoever writes one means a pattern, and IAM reads ${...} as a variable.
    condition     = alltrue([for subject in var.subjects : can(regex("^[^*?$\"]{1,512}$", subject))])
    error_message = "subjects are exact: no '*', '?', '$' or quotes, and none is empty."
  }
}

variable "push_policy" {
  description = "The policy, in JSON, by which the role may push images."
  type        = string
  nullable    = false
}

variable "deploy_policy" {
  description = "The policy, in JSON, by which the role may deploy them; null for none."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the role besides those that the provider sets by itself."
  type        = map(string)
  default     = {}
}
