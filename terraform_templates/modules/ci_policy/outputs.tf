output "push" {
  description = "The policy, in JSON, by which an image can be pushed to the repositories."
  value       = jsonencode(local.push)
}

output "deploy" {
  description = "The policy, in JSON, by which a new image can be brought into the ECS service; null for none."
  value       = var.ecs == null ? null : jsonencode(local.deploy)
}
