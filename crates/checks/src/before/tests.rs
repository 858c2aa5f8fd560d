//! Parameters for the tests of checks before a deployment.

use super::context::Parameters;
use super::file::ParameterFile;

const TEMPLATE: &str = include_str!("../../../../template.yaml");
/// Values with which the template deploys. Four lines, so that the next one is line 5.
const NETWORK: &str = "\
VpcId: vpc-0a1
PrivateSubnetIds: [subnet-0a, subnet-0b]
AlbListenerArn: arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/internal/0a1/0b2
AlbSecurityGroupId: sg-0a1b
";

/// Returns parameters that deploy, followed by these lines of YAML from line 5 on.
pub(super) fn parameters(lines: &str) -> Parameters {
    of_yaml(&format!("{NETWORK}{lines}"))
}

/// Returns parameters that deploy without a VPC link, followed by these lines of YAML from line 3 on.
pub(super) fn without_network(lines: &str) -> Parameters {
    of_yaml(&format!(
        "CreateVpcLink: \"false\"\nBackendUrl: https://orders.example.com\n{lines}"
    ))
}

/// Returns the parameters of a YAML file.
pub(super) fn of_yaml(text: &str) -> Parameters {
    of_template(text, TEMPLATE)
}

/// Returns the parameters of a YAML file for another template.
pub(super) fn of_template(text: &str, template: &str) -> Parameters {
    let file = ParameterFile::parse("parameters.yaml", text.as_bytes()).unwrap();
    Parameters::new(file, template).unwrap()
}
