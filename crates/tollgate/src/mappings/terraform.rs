//! The Terraform resources, in HCL.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{Authorization, Integration, Mappings};

const HEADER: &str = r#"# Printed by `tollgate mappings --format terraform`. Deploy Tollgate with HttpApiId=none, and pass its outputs as variables.
# Your own routes use the authorizer and one of the integrations.

variable "api_id" { type = string }
variable "api_execution_arn" { type = string }
variable "authorizer_alias_arn" { type = string }
variable "limiter_function_arn" { type = string }
variable "vpc_link_id" { type = string }
variable "alb_listener_arn" { type = string }

data "aws_region" "current" {}
data "aws_partition" "current" {}

locals {
  invocation_uri = "arn:${data.aws_partition.current.partition}:apigateway:${data.aws_region.current.name}:lambda:path/2015-03-31/functions"
}

resource "aws_apigatewayv2_authorizer" "tollgate" {
  api_id                            = var.api_id
  name                              = "tollgate"
  authorizer_type                   = "REQUEST"
  authorizer_uri                    = "${local.invocation_uri}/${var.authorizer_alias_arn}/invocations"
  authorizer_payload_format_version = "2.0"
  enable_simple_responses           = true
  authorizer_result_ttl_in_seconds  = 0
}

resource "aws_lambda_permission" "tollgate_authorizer" {
  action        = "lambda:InvokeFunction"
  function_name = var.authorizer_alias_arn
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${var.api_execution_arn}/authorizers/${aws_apigatewayv2_authorizer.tollgate.id}"
}

resource "aws_lambda_permission" "tollgate_limiter" {
  action        = "lambda:InvokeFunction"
  function_name = var.limiter_function_arn
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${var.api_execution_arn}/*/*/_tollgate/*"
}
"#;

const ORIGIN_SECRET: &str = r#"
# The secret that proves the origin of requests. Terraform stores it in its state.
variable "origin_secret" {
  type      = string
  sensitive = true
}
"#;

/// Returns the resources.
pub(super) fn text(mappings: &Mappings) -> String {
    let mut text = HEADER.to_owned();
    if mappings.protected.has_dynamic_reference() {
        text.push_str(ORIGIN_SECRET);
    }

    push_limiter(&mut text, mappings);
    push_integration(&mut text, "tollgate_protected", &mappings.protected);
    push_integration(&mut text, "tollgate_public", &mappings.public);
    text
}

fn push_limiter(text: &mut String, mappings: &Mappings) {
    let timeout_ms = mappings.limiter_timeout_ms;
    let _ = write!(
        text,
        r#"
resource "aws_apigatewayv2_integration" "tollgate_limiter" {{
  api_id                 = var.api_id
  integration_type       = "AWS_PROXY"
  integration_method     = "POST"
  integration_uri        = "${{local.invocation_uri}}/${{var.limiter_function_arn}}/invocations"
  payload_format_version = "2.0"
  timeout_milliseconds   = {timeout_ms}
}}
"#
    );

    for route in &mappings.routes {
        let authorization = match route.authorization {
            Authorization::None => r#"  authorization_type = "NONE""#,
            Authorization::Iam => r#"  authorization_type = "AWS_IAM""#,
            Authorization::Authorizer => {
                "  authorization_type = \"CUSTOM\"\n  authorizer_id      = aws_apigatewayv2_authorizer.tollgate.id"
            }
        };
        let _ = write!(
            text,
            r#"
resource "aws_apigatewayv2_route" "{}" {{
  api_id             = var.api_id
  route_key          = {}
{authorization}
  target             = "integrations/${{aws_apigatewayv2_integration.tollgate_limiter.id}}"
}}
"#,
            snake_case(&route.name),
            string(&route.key),
        );
    }
}

fn push_integration(text: &mut String, name: &str, integration: &Integration) {
    let timeout_ms = integration.timeout_ms;
    let _ = write!(
        text,
        r#"
resource "aws_apigatewayv2_integration" "{name}" {{
  api_id                 = var.api_id
  integration_type       = "HTTP_PROXY"
  integration_method     = "ANY"
  connection_type        = "VPC_LINK"
  connection_id          = var.vpc_link_id
  integration_uri        = var.alb_listener_arn
  payload_format_version = "1.0"
  timeout_milliseconds   = {timeout_ms}

  request_parameters = {{
"#
    );

    // Mappings never contain this character. It marks the place of the variable, which must not be quoted.
    const VARIABLE: &str = "\0";
    push_map(text, "    ", &integration.with_dynamic_reference(VARIABLE));
    text.push_str("  }\n");
    for (status, mappings) in &integration.response {
        let _ = write!(
            text,
            "\n  response_parameters {{\n    status_code = {status}\n    mappings = {{\n"
        );
        push_map(text, "      ", mappings);
        text.push_str("    }\n  }\n");
    }
    text.push_str("}\n");
    *text = text.replace("\"\\u0000\"", "var.origin_secret");
}

fn push_map(text: &mut String, pad: &str, mappings: &BTreeMap<String, String>) {
    for (name, source) in mappings {
        let _ = writeln!(text, "{pad}{} = {}", string(name), string(source));
    }
}

/// Returns a quoted string of HCL. `${` and `%{` would begin a template.
fn string(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.replace("${", "$${").replace("%{", "%%{")
}

/// Converts the name of a resource such as `UsageRoute` to `tollgate_usage_route`.
fn snake_case(name: &str) -> String {
    let mut result = "tollgate".to_owned();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            result.push('_');
        }
        result.push(letter.to_ascii_lowercase());
    }
    result
}
