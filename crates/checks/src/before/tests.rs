//! Parameters for the tests of checks before a deployment.

mod properties;

use sam_template::{Kind, Node};

use super::context::Parameters;
use super::file::ParameterFile;
use crate::verdict::Status;

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

/// Returns the value of a line `# Name: value` or `Name: value`.
fn line_value(line: &str) -> &str {
    line.trim_start_matches("# ")
}

#[test]
fn example_file_passes() {
    let example = include_str!("../../../../parameters.example.yaml");
    // Every parameter of the example, also those that are comments.
    let is_parameter = |line: &&str| {
        let (name, rest) = line_value(line).split_once(':').unwrap_or_default();
        !name.is_empty() && !name.contains(' ') && rest.starts_with(' ')
    };
    let all: Vec<&str> = example
        .lines()
        .filter(is_parameter)
        .map(line_value)
        .collect();
    assert_eq!(all.len(), 12, "{all:?}");

    for text in [example, &all.join("\n")] {
        let parameters = of_yaml(text);
        for entry in super::parameters::CHECKS {
            let verdict = block_on((entry.run)(&parameters)).unwrap();
            let expected = [Status::Ok, Status::NotApplicable];
            assert!(
                expected.contains(&verdict.status),
                "{}: {verdict:?}",
                entry.check.id
            );
        }
    }
}

#[test]
fn outputs_of_the_example_network_are_parameters() {
    let network = include_str!("../../../../examples/network.yaml");
    let network = Node::parse(network).unwrap();
    let Some(Kind::Map(outputs)) = network.field("Outputs").map(|outputs| &outputs.kind) else {
        panic!("the example has no outputs");
    };
    let parameters = parameters("");
    for (name, ..) in outputs {
        assert!(parameters.declaration(name).is_some(), "{name}");
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(future)
}
