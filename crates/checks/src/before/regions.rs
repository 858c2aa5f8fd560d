//! The region that ARNs name.

use super::context::Parameters;

/// The parameters with an ARN of the region of the stack.
pub(super) const REGIONAL: [&str; 10] = [
    "AlbListenerArn",
    "KmsKeyArn",
    "OriginSecretArn",
    "CaBundleLayerArn",
    "CertificateArn",
    "OwnershipVerificationCertificateArn",
    "SyncTargetGroupArns",
    "SecretArns",
    "AlarmTopicArn",
    "PermissionsBoundaryArn",
];

/// Returns the region of an ARN, or `None` for a global one or another text.
pub(super) fn of_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    let is_arn = parts.next() == Some("arn");
    parts.nth(2).filter(|region| is_arn && !region.is_empty())
}

/// Returns the region that the first ARN names. A listener comes first, because it must be in the
/// region of the stack.
pub(super) fn common(parameters: &Parameters) -> Option<&str> {
    let arns = REGIONAL.iter().flat_map(|name| parameters.list(name));
    arns.filter_map(of_arn).next()
}
