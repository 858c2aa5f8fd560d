//! How much a number of partial answers says about addresses that none of them shows.
//!
//! A load balancer's name answers with 8 of its addresses, chosen anew each time. Of `nodes`
//! addresses, an answer of `size` misses a given one with probability 1 − size/nodes, and `k`
//! independent answers miss it with the k-th power of that.

/// An answer with fewer addresses is whole: Elastic Load Balancing answers with at most 8 (User
/// Guide for Application Load Balancers, "Load balancer nodes"), and so does Route 53 for
/// multivalue answers.
pub(crate) const WHOLE_BELOW: usize = 8;

/// The chance that a run takes a name for whole that is not.
const RUN_RISK: f64 = 0.000_5;

/// The chance that an address which still exists is counted as missed once.
const MISS_RISK: f64 = 0.001;

/// How many independent answers show an address that is in one of ten, but for 1 time in 1,000.
/// Records with weights, and readers behind one name, are not all shown equally often.
pub(crate) const ANSWERS_FOR_RARE: u32 = 66;

/// How many independent answers of `size` addresses show every one of `nodes`, but for 1 run in
/// 2,000.
#[must_use]
pub(crate) fn answers_for_all(nodes: usize, size: usize) -> u32 {
    answers(nodes, size, RUN_RISK / as_f64(nodes.max(1)))
}

/// How many independent answers of `size` addresses show a given one of `nodes`, but for 1 time in
/// 1,000.
#[must_use]
pub(crate) fn answers_for_one(nodes: usize, size: usize) -> u32 {
    answers(nodes, size, MISS_RISK)
}

fn answers(nodes: usize, size: usize, risk: f64) -> u32 {
    if size >= nodes {
        return 1;
    }
    if size == 0 {
        return u32::MAX;
    }
    let missed = 1.0 - as_f64(size) / as_f64(nodes);
    let needed = (risk.ln() / missed.ln()).ceil();
    // More than any run or state will ever count.
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
    fn a_hundred_nodes_need_147_answers_and_one_of_them_83() {
        assert_eq!(
            (answers_for_all(100, 8), answers_for_one(100, 8)),
            (147, 83)
        );
        assert!(answers_for_all(101, 8) <= 150, "the default of MAX_LOOKUPS");
    }

    #[test]
    fn sixty_six_answers_show_what_is_in_one_of_ten() {
        let missed = |answers: u32| 0.9_f64.powf(f64::from(answers));
        assert!(missed(ANSWERS_FOR_RARE) <= MISS_RISK && missed(ANSWERS_FOR_RARE - 1) > MISS_RISK);
    }

    #[test]
    fn an_answer_that_could_show_all_needs_no_other() {
        assert_eq!((answers_for_all(8, 8), answers_for_one(5, 8)), (1, 1));
        assert_eq!(answers_for_one(9, 0), u32::MAX);
    }

    #[test]
    fn more_nodes_or_smaller_answers_need_more() {
        for nodes in 9..200 {
            assert!(answers_for_all(nodes, 8) <= answers_for_all(nodes + 1, 8));
            assert!(answers_for_one(nodes, 8) <= answers_for_one(nodes, 7));
            assert!(answers_for_one(nodes, 8) <= answers_for_all(nodes, 8));
        }
    }
}
