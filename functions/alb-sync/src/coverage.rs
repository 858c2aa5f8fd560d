//! How many partial DNS responses are needed to rule out a missed address.
//!
//! A load balancer's name resolves to 8 of its addresses, chosen anew for each response. Of `nodes`
//! addresses, a response of `size` misses a given one with probability 1 − size/nodes, and `k`
//! independent responses miss it with the k-th power of that.

/// A response with fewer addresses is complete. Elastic Load Balancing returns at most 8 addresses
/// (User Guide for Application Load Balancers, "Load balancer nodes"), and so does Route 53 for
/// multivalue answers.
pub(crate) const MIN_PARTIAL_ADDRESSES: usize = 8;

/// The probability that a run takes an incomplete set of addresses for complete.
const INCOMPLETE_SET_RISK: f64 = 0.000_5;

/// The probability that an address that still exists is counted as missed once.
const FALSE_MISS_RISK: f64 = 0.001;

/// The number of independent responses that contain an address of one response in ten, except 1
/// time in 1,000. Weighted records, and readers behind one name, are not equally frequent.
pub(crate) const MIN_RESPONSES_FOR_RARE: u32 = 66;

/// Returns how many independent responses of `size` addresses contain all of `nodes` addresses,
/// except in 1 run of 2,000.
#[must_use]
pub(crate) fn responses_for_all(nodes: usize, size: usize) -> u32 {
    responses(nodes, size, INCOMPLETE_SET_RISK / as_f64(nodes.max(1)))
}

/// Returns how many independent responses of `size` addresses contain a given one of `nodes`
/// addresses, except 1 time in 1,000.
#[must_use]
pub(crate) fn responses_for_one(nodes: usize, size: usize) -> u32 {
    responses(nodes, size, FALSE_MISS_RISK)
}

fn responses(nodes: usize, size: usize, risk: f64) -> u32 {
    if size >= nodes {
        return 1;
    }
    if size == 0 {
        return u32::MAX;
    }

    let miss_probability = 1.0 - as_f64(size) / as_f64(nodes);
    let needed = (risk.ln() / miss_probability.ln()).ceil();

    // Far more than any run or state counts.
    if needed < 1e9 {
        needed.max(1.0) as u32
    } else {
        u32::MAX
    }
}

fn as_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_nodes_need_147_responses_and_one_of_them_83() {
        assert_eq!(
            (responses_for_all(100, 8), responses_for_one(100, 8)),
            (147, 83)
        );
        assert!(
            responses_for_all(101, 8) <= 150,
            "the default of MAX_LOOKUPS"
        );
    }

    #[test]
    fn sixty_six_responses_contain_an_address_of_one_in_ten() {
        let missed = |answers: u32| 0.9_f64.powf(f64::from(answers));
        assert!(
            missed(MIN_RESPONSES_FOR_RARE) <= FALSE_MISS_RISK
                && missed(MIN_RESPONSES_FOR_RARE - 1) > FALSE_MISS_RISK
        );
    }

    #[test]
    fn one_response_with_room_for_all_nodes_is_enough() {
        assert_eq!((responses_for_all(8, 8), responses_for_one(5, 8)), (1, 1));
        assert_eq!(responses_for_one(9, 0), u32::MAX);
    }

    #[test]
    fn more_nodes_or_smaller_responses_need_more() {
        for nodes in 9..200 {
            assert!(responses_for_all(nodes, 8) <= responses_for_all(nodes + 1, 8));
            assert!(responses_for_one(nodes, 8) <= responses_for_one(nodes, 7));
            assert!(responses_for_one(nodes, 8) <= responses_for_all(nodes, 8));
        }
    }
}
