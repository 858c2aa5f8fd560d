# Deploys a release of Tollgate with Terraform. It needs neither Rust nor the AWS CLI:
#
#     terraform apply -var release=tollgate-0.2.0 -var bucket=example-artifacts-eu-central-1
#
# CloudFormation creates the resources of the stack, so that Rules check the parameters, and a failed update is rolled back.

terraform {
  required_version = ">= 1.5"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

variable "release" {
  description = "The folder of the unpacked release"
  type        = string
}

variable "bucket" {
  description = "An existing bucket in the region of the stack, to which the functions and templates are uploaded"
  type        = string
}

variable "architecture" {
  description = "The architecture of the functions"
  type        = string
  default     = "arm64"

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "Expected arm64 or x86_64."
  }
}

variable "stack_name" {
  description = "The name of the stack"
  type        = string
  default     = "tollgate"
}

variable "parameters" {
  description = "Parameters of the stack, at least VpcId, PrivateSubnetIds, AlbListenerArn and AlbSecurityGroupId"
  type        = map(string)
}

locals {
  file     = var.architecture == "arm64" ? "template.json" : "template-${var.architecture}.json"
  template = jsondecode(file("${var.release}/${local.file}"))

  functions = { for name, resource in local.template.Resources : name => resource if resource.Type == "AWS::Lambda::Function" }
  stacks    = { for name, resource in local.template.Resources : name => resource if resource.Type == "AWS::CloudFormation::Stack" }

  # The local paths that `aws cloudformation package` would upload. Functions can share a path.
  paths = toset(concat(
    [for resource in local.functions : resource.Properties.Code],
    [for resource in local.stacks : resource.Properties.TemplateURL],
  ))

  packaged_functions = {
    for name, resource in local.functions : name => merge(resource, {
      Properties = merge(resource.Properties, {
        Code = { S3Bucket = var.bucket, S3Key = aws_s3_object.file[resource.Properties.Code].key }
      })
    })
  }
  packaged_stacks = {
    for name, resource in local.stacks : name => merge(resource, {
      Properties = merge(resource.Properties, {
        TemplateURL = "https://${data.aws_s3_bucket.artifacts.bucket_regional_domain_name}/${aws_s3_object.file[resource.Properties.TemplateURL].key}"
      })
    })
  }
  packaged = jsonencode(merge(local.template, {
    Resources = merge(local.template.Resources, local.packaged_functions, local.packaged_stacks)
  }))
}

data "aws_s3_bucket" "artifacts" {
  bucket = var.bucket
}

# The key depends on the content, so that CloudFormation sees each change. The previous object is needed until the stack
# is updated, because a rollback reads it.
resource "aws_s3_object" "file" {
  for_each = local.paths

  bucket = var.bucket
  key    = "tollgate/${filesha256("${var.release}/${each.value}")}/${basename(each.value)}"
  source = "${var.release}/${each.value}"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_s3_object" "template" {
  bucket       = var.bucket
  key          = "tollgate/${sha256(local.packaged)}/template.json"
  content      = local.packaged
  content_type = "application/json"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudformation_stack" "tollgate" {
  name         = var.stack_name
  template_url = "https://${data.aws_s3_bucket.artifacts.bucket_regional_domain_name}/${aws_s3_object.template.key}"
  capabilities = ["CAPABILITY_IAM"]
  parameters   = var.parameters
}

output "outputs" {
  description = "The outputs of the stack, such as ApiUrl"
  value       = aws_cloudformation_stack.tollgate.outputs
}
