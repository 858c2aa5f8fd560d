//! Properties of any parameter file.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::before::parameters::CHECKS;

/// Lines that are meaningful to some check, also if they are wrong.
const LINES: [&str; 22] = [
    "Environment: production",
    "Environment: prod",
    "CreateVpcLink: false",
    "CreateVpcLink: \"false\"",
    "AlbListenerArn: arn:aws:elasticloadbalancing:eu-west-1:1",
    "AlbListenerArn: 'arn:'",
    "AuthPolicy: '{\"rules\":[{\"match\":\"GET /{p+}\",\"auth\":\"any\",\"roles\":[\"a\"]}]}'",
    "AuthPolicy: '{\"rules\":[{\"match\":\"GET /\u{e4}\",\"auth\":\"none\"}]}'",
    "AuthPolicy: '{\"issuers\":[{\"issuer\":\"https://a\"}],\"rules\":[]}'",
    "AuthPolicy: 'table:x'",
    "AuthPolicy: '{\u{e4}'",
    "JwtIssuer: https://a",
    "JwtAudience: a",
    "SecretArns: ['arn:aws:ssm:', '*', '?', '\u{e4}']",
    "SyncTargets: '[{}]'",
    "SyncTargets: '[{\"name\":\"a\",\"target_group_arn\":\"arn:targetgroup/\",\"port\":1}]'",
    "SyncDnsServers: '[::1]:53,x'",
    "SyncDnsCidr: 10.0.0.0/8",
    "DomainName: -\u{e4}..amazonaws.com",
    "TruststoreUri: s3:///",
    "HttpApiId: none",
    "KeyHeader: \u{e4}",
];

/// Makes all checks except those that send requests.
fn check_all(parameters: &Parameters) {
    let offline = CHECKS
        .iter()
        .filter(|entry| entry.check.id != "issuers-answer");
    for entry in offline {
        let verdict = block_on((entry.run)(parameters)).unwrap();
        assert!(!verdict.details.is_empty(), "{}", entry.check.id);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_bytes_are_values_or_an_error(content in vec(any::<u8>(), 0..200), path in select(vec!["p.yaml", "p.json"])) {
        let _ = ParameterFile::parse(path, &content);
    }

    #[test]
    fn any_text_is_values_or_an_error(
        text in r#"[-A-Za-z0-9:{}\[\],"'#&*!|>%@ \n\t~ä=$\\/]{0,120}"#,
        path in select(vec!["p.yaml", "p.json"]),
    ) {
        let _ = ParameterFile::parse(path, text.as_bytes());
    }
}

proptest! {
    // Each case evaluates the template.
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn any_values_have_a_verdict(lines in vec(select(LINES.to_vec()), 0..8), name in "[A-Za-z]{1,12}", value in ".{0,40}") {
        let mut names = std::collections::BTreeSet::new();
        let lines: Vec<&str> = lines
            .into_iter()
            .filter(|line| names.insert(line.split(':').next()))
            .collect();
        let parameters = of_yaml(&format!("Foo: bar\n{}", lines.join("\n")));
        check_all(&parameters.with_values([(name, value)]));
    }
}
