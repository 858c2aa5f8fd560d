//! The regions that ARNs in the parameters name.

use super::context::Parameters;

/// The parameters with ARNs of the region of the stack. The secrets of a policy can be in another
/// region. `Tracing` can also be another text.
const REGIONAL: [&str; 9] = [
    "AlbListenerArn",
    "SyncTargetGroupArns",
    "CertificateArn",
    "OwnershipVerificationCertificateArn",
    "OriginSecretArn",
    "CaBundleLayerArn",
    "Tracing",
    "KmsKeyArn",
    "AlarmTopicArn",
];

/// Returns the region of an ARN, or `None` for a global one or another text.
pub(super) fn of_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let is_arn = parts.next() == Some("arn");
    parts.nth(2).filter(|region| is_arn && !region.is_empty())
}

/// Returns the parameters whose ARNs must be in the region of the stack, each with its region.
pub(super) fn named(parameters: &Parameters) -> impl Iterator<Item = (&'static str, &str)> {
    REGIONAL.into_iter().flat_map(|name| {
        let arns = parameters.list(name);
        arns.into_iter()
            .filter_map(move |arn| Some((name, of_arn(arn)?)))
    })
}
