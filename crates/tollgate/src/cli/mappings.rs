//! The options of `mappings`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::parameter;

/// The options of `mappings`.
#[derive(Debug, Args)]
pub(crate) struct Mappings {
    /// Format of the output
    #[arg(long, value_name = "FORMAT", value_enum)]
    pub(crate) format: MappingsFormat,
    /// Template of Tollgate in YAML or JSON
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Value of a template parameter, such as `KeyHeader=api-key`; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
}

/// The format of `mappings`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum MappingsFormat {
    /// A SAM template in YAML with an `AWS::Serverless::HttpApi`
    Sam,
    /// Terraform resources in HCL
    Terraform,
    /// An ES module with properties of the constructs Cfn… of the AWS CDK
    Cdk,
    /// An `OpenAPI` document in JSON with extensions of API Gateway
    Openapi,
}
