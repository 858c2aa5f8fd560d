use proptest::prelude::*;
use sync_targets::ResponseScope;

use super::*;

fn source(zone: Zone, networks: &[&str]) -> Source {
    let networks = networks
        .iter()
        .map(|network| network.parse().unwrap())
        .collect();
    Source {
        name: "a.example".to_owned(),
        port: 443,
        zone,
        scope: ResponseScope::Whole,
        networks,
    }
}

fn is_target(text: &str, zone: Zone, networks: &[&str]) -> bool {
    check(text.parse().unwrap(), &source(zone, networks)).is_ok()
}

#[test]
fn private_ipv4_addresses_are_targets_and_public_ones_are_not() {
    for (text, expected) in [
        ("10.0.0.1", true),
        ("172.16.0.1", true),
        ("172.32.0.1", false),
        ("192.168.255.255", true),
        ("100.64.0.1", true),
        ("100.127.255.255", true),
        ("100.128.0.1", false),
        ("3.5.140.1", false),
        ("8.8.8.8", false),
    ] {
        for zone in [Zone::Auto, Zone::All, Zone::None] {
            assert_eq!(is_target(text, zone, &[]), expected, "{text} {zone:?}");
        }
    }
}

#[test]
fn global_ipv6_addresses_are_targets_in_amazons_ranges_or_for_all_zones() {
    for (text, within_a_vpc) in [
        ("fd00::1", true),
        ("fc00::1", true),
        ("2600:1f18:1234:5600::10", true),
        ("2a05:d018::1", true),
        ("2a05:d080::1", false),
        ("2406:da1c::1", true),
        ("240f:8018::1", true),
        ("2606:4700:4700::1111", false),
        ("2600:1e00::1", false),
        ("2001:4860:4860::8888", false),
    ] {
        assert_eq!(is_target(text, Zone::Auto, &[]), within_a_vpc, "{text}");
        assert_eq!(is_target(text, Zone::None, &[]), within_a_vpc, "{text}");
        assert!(is_target(text, Zone::All, &[]), "{text}");
    }
}

#[test]
fn addresses_outside_the_networks_of_an_entry_are_not_targets() {
    let networks = ["2001:67c:1234::/48", "52.0.0.0/16", "10.1.0.0/16"];
    for (text, expected) in [
        ("2001:67c:1234::1", true),
        ("2001:67c:1235::1", false),
        ("52.0.3.4", true),
        ("10.1.2.3", true),
        ("10.2.2.3", false),
        ("2600:1f18::1", false),
        ("fd00::1", false),
    ] {
        for zone in [Zone::Auto, Zone::All, Zone::None] {
            assert_eq!(
                is_target(text, zone, &networks),
                expected,
                "{text} {zone:?}"
            );
        }
    }
}

#[test]
fn addresses_with_a_special_purpose_are_never_targets() {
    for (text, block) in [
        ("0.0.0.0", "unspecified address"),
        ("0.1.2.3", "unspecified address"),
        ("127.0.0.1", "loopback address"),
        (
            "169.254.169.254",
            "link-local address, such as instance metadata",
        ),
        ("192.0.0.8", "address of IETF protocols"),
        ("192.0.2.1", "documentation address"),
        ("198.51.100.1", "documentation address"),
        ("203.0.113.1", "documentation address"),
        ("192.88.99.1", "6to4 relay"),
        ("198.19.255.255", "benchmarking address"),
        ("224.0.0.1", "multicast address"),
        ("240.0.0.1", "reserved address"),
        ("255.255.255.255", "reserved address"),
        ("::", "unspecified address"),
        ("::1", "loopback address"),
        ("::a00:1", "IPv4-compatible address"),
        ("::ffff:10.0.0.1", "IPv4-mapped address"),
        ("::ffff:0:10.0.0.1", "IPv4-translated address"),
        ("64:ff9b::a9fe:a9fe", "NAT64 address, as DNS64 makes up"),
        ("64:ff9b:1::a00:1", "NAT64 address, as DNS64 makes up"),
        ("64:ff9b:2::1", "reserved address"),
        ("100::1", "discard address"),
        ("2001::1", "Teredo address"),
        ("2001:2::1", "benchmarking address"),
        ("2001:10::1", "ORCHID address"),
        ("2001:2f::1", "ORCHID address"),
        ("2001:1::1", "address of IETF protocols"),
        ("2001:db8::1", "documentation address"),
        ("2002:a9fe:a9fe::1", "6to4 address"),
        ("3fff::1", "documentation address"),
        ("4000::1", "reserved address"),
        ("5f00::1", "reserved address"),
        (
            "fd00:ec2::254",
            "address of AWS's own, such as instance metadata",
        ),
        (
            "fd00:ec2::253",
            "address of AWS's own, such as instance metadata",
        ),
        ("fe80::1", "link-local address"),
        ("febf::1", "link-local address"),
        ("fec0::1", "site-local address"),
        ("ff02::1", "multicast address"),
    ] {
        let everywhere: &[&str] = &["0.0.0.0/0", "::/0"];
        for (zone, networks) in [
            (Zone::Auto, &[][..]),
            (Zone::All, &[]),
            (Zone::All, everywhere),
        ] {
            let refused = check(text.parse().unwrap(), &source(zone, networks));
            assert_eq!(refused, Err(Rejection::Special(block)), "{text} {zone:?}");
        }
    }
}

proptest! {
    #[test]
    fn an_ipv4_address_is_a_target_exactly_if_it_is_private(bits: u32) {
        let address = Ipv4Addr::from(bits);
        let is_shared = bits >> 22 == 0b01_1001_0001;
        let expected = address.is_private() || is_shared;
        prop_assert_eq!(check(address.into(), &source(Zone::All, &[])).is_ok(), expected);
    }

    #[test]
    fn no_ipv6_form_of_any_ipv4_address_is_a_target(bits: u32, last: u16) {
        let [a, b] = [(bits >> 16) as u16, bits as u16];
        for form in [
            Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b),
            Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, a, b),
            Ipv6Addr::new(0, 0, 0, 0, 0xffff, 0, a, b),
            Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a, b),
            Ipv6Addr::new(0x64, 0xff9b, 1, last, 0, 0, a, b),
            Ipv6Addr::new(0x2002, a, b, last, 0, 0, 0, 1),
            Ipv6Addr::new(0x2001, 0, last, 0, 0, 0, a, b),
        ] {
            prop_assert!(check(form.into(), &source(Zone::All, &["::/0"])).is_err(), "{form}");
        }
    }

    #[test]
    fn an_ipv6_target_is_unique_local_or_global_unicast(bits: u128, top in 0u128..=0xffff) {
        let address = Ipv6Addr::from(bits >> 16 | top << 112);
        if check(address.into(), &source(Zone::All, &[])).is_ok() {
            let first = address.segments()[0];
            prop_assert!(first >> 13 == 1 || first >> 9 == 0x7e, "{address}");
            prop_assert!(!address.is_loopback() && !address.is_multicast() && !address.is_unspecified());
        }
    }

    #[test]
    fn what_is_a_target_in_a_vpc_is_one_for_all_zones(bits: u128) {
        let address = IpAddr::V6(Ipv6Addr::from(bits));
        if check(address, &source(Zone::Auto, &[])).is_ok() {
            prop_assert!(check(address, &source(Zone::All, &[])).is_ok());
        }
    }
}
