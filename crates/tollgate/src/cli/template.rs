//! The options of `template`.

use std::path::PathBuf;

use clap::Args;

use super::values::parameter;

/// The options of `template`.
#[derive(Debug, Args)]
pub(crate) struct EvaluateTemplate {
    /// Template in YAML or JSON, after the SAM transform if it has resources of SAM
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    pub(crate) template: PathBuf,
    /// Value of a parameter or of a pseudo parameter such as AWS::Region; may be repeated
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// JSON list of objects that map names to values; the result is a list with a result for each
    #[arg(long, value_name = "FILE")]
    pub(crate) parameter_sets: Option<PathBuf>,
}
