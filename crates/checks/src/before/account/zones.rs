//! The Availability Zones in which API Gateway has VPC links.

/// The zone IDs with VPC links, by region, from
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-vpc-links.html>.
const ZONES: [(&str, &[&str]); 20] = [
    ("us-east-2", &["use2-az1", "use2-az2", "use2-az3"]),
    (
        "us-east-1",
        &["use1-az1", "use1-az2", "use1-az4", "use1-az5", "use1-az6"],
    ),
    ("us-west-1", &["usw1-az1", "usw1-az3"]),
    (
        "us-west-2",
        &["usw2-az1", "usw2-az2", "usw2-az3", "usw2-az4"],
    ),
    ("ap-east-1", &["ape1-az2", "ape1-az3"]),
    ("ap-south-1", &["aps1-az1", "aps1-az2", "aps1-az3"]),
    ("ap-northeast-2", &["apne2-az1", "apne2-az2", "apne2-az3"]),
    ("ap-southeast-1", &["apse1-az1", "apse1-az2", "apse1-az3"]),
    ("ap-southeast-2", &["apse2-az1", "apse2-az2", "apse2-az3"]),
    ("ap-northeast-1", &["apne1-az1", "apne1-az2", "apne1-az4"]),
    ("ca-central-1", &["cac1-az1", "cac1-az2"]),
    ("eu-central-1", &["euc1-az1", "euc1-az2", "euc1-az3"]),
    ("eu-west-1", &["euw1-az1", "euw1-az2", "euw1-az3"]),
    ("eu-west-2", &["euw2-az1", "euw2-az2", "euw2-az3"]),
    ("eu-west-3", &["euw3-az1", "euw3-az3"]),
    ("eu-south-2", &["eus2-az1", "eus2-az2", "eus2-az3"]),
    ("eu-north-1", &["eun1-az1", "eun1-az2", "eun1-az3"]),
    ("me-south-1", &["mes1-az1", "mes1-az2", "mes1-az3"]),
    ("sa-east-1", &["sae1-az1", "sae1-az2", "sae1-az3"]),
    ("us-gov-west-1", &["usgw1-az1", "usgw1-az2", "usgw1-az3"]),
];

/// Returns the zone IDs of a region with VPC links, or `None` if AWS does not list the region.
pub(super) fn with_vpc_links(region: &str) -> Option<&'static [&'static str]> {
    let found = ZONES.iter().find(|(known, _)| *known == region);
    found.map(|(_, zones)| *zones)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_without_vpc_links_are_not_listed() {
        let has = |region: &str, zone| with_vpc_links(region).is_some_and(|it| it.contains(&zone));
        assert!(has("us-east-1", "use1-az1"));
        assert!(!has("us-east-1", "use1-az3"));
        assert!(!has("us-west-1", "usw1-az2"));
        assert!(!has("ap-east-1", "ape1-az1"));
        assert_eq!(with_vpc_links("xx-none-1"), None);
    }
}
