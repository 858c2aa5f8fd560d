# Puts the authorizer of a Tollgate stack in front of an HTTP API whose integrations are Lambda functions:
#
#     terraform apply
#     # Deploy Tollgate with HttpApiId=(output api_id) CreateVpcLink=false OnThrottle=function
#     terraform apply -var tollgate_stack=tollgate
#
# The stack creates the authorizer, the permission to invoke it, and the limiter's routes in the API.
# The functions respond with 429 to throttled requests. See ../../lambda-429.

terraform {
  required_version = ">= 1.5"

  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.4"
    }
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

variable "name" {
  description = "The name of the API"
  type        = string
  default     = "orders"
}

variable "tollgate_stack" {
  description = "The name of the Tollgate stack. Empty: the API has no routes of its own."
  type        = string
  default     = ""
}

locals {
  # One for each Tollgate stack, so that the API exists before it.
  stacks = var.tollgate_stack == "" ? toset([]) : toset([var.tollgate_stack])
}

resource "aws_apigatewayv2_api" "orders" {
  name          = var.name
  protocol_type = "HTTP"
}

resource "aws_apigatewayv2_stage" "default" {
  api_id      = aws_apigatewayv2_api.orders.id
  name        = "$default"
  auto_deploy = true
}

data "aws_cloudformation_stack" "tollgate" {
  for_each = local.stacks

  name = each.value
}

resource "aws_apigatewayv2_route" "orders" {
  for_each = local.stacks

  api_id             = aws_apigatewayv2_api.orders.id
  route_key          = "ANY /orders/{proxy+}"
  authorization_type = "CUSTOM"
  authorizer_id      = data.aws_cloudformation_stack.tollgate[each.key].outputs["AuthorizerId"]
  target             = "integrations/${aws_apigatewayv2_integration.orders.id}"
}

# For services behind the ALB of the Tollgate stack, the route's target is this output instead:
#     "integrations/${data.aws_cloudformation_stack.tollgate[each.key].outputs["ProtectedIntegrationId"]}"
resource "aws_apigatewayv2_integration" "orders" {
  api_id                 = aws_apigatewayv2_api.orders.id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = aws_lambda_function.orders.invoke_arn
  payload_format_version = "2.0"
}

resource "aws_lambda_permission" "api" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.orders.function_name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.orders.execution_arn}/*/*/orders/*"
}

data "archive_file" "orders" {
  type        = "zip"
  source_dir  = "${path.module}/../../lambda-429"
  output_path = "${path.module}/orders.zip"
}

resource "aws_lambda_function" "orders" {
  function_name    = var.name
  filename         = data.archive_file.orders.output_path
  source_code_hash = data.archive_file.orders.output_base64sha256
  handler          = "index.handler"
  runtime          = "nodejs22.x"
  role             = aws_iam_role.orders.arn
}

resource "aws_iam_role" "orders" {
  name_prefix = "${var.name}-"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } }]
  })
}

resource "aws_iam_role_policy_attachment" "orders" {
  role       = aws_iam_role.orders.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}

output "api_id" {
  description = "The value of HttpApiId for the Tollgate stack"
  value       = aws_apigatewayv2_api.orders.id
}

output "api_url" {
  description = "The base URL for clients"
  value       = aws_apigatewayv2_stage.default.invoke_url
}
