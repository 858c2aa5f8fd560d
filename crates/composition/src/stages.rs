//! The order of calls.

/// Returns the indexes of parts by stage. Each part is in the first stage after all parts that it
/// depends on. Within a stage, parts have the order of the document.
///
/// # Errors
/// The cycle: the indexes of parts of which each depends on the next one, and the last on the first.
pub(crate) fn stages(dependencies: &[&[usize]]) -> Result<Vec<Vec<usize>>, Vec<usize>> {
    let mut is_placed = vec![false; dependencies.len()];
    let mut stages = Vec::new();

    while let Some(first) = is_placed.iter().position(|placed| !placed) {
        let is_ready = |index: &usize| {
            !is_placed[*index] && dependencies[*index].iter().all(|before| is_placed[*before])
        };
        let stage: Vec<usize> = (0..dependencies.len()).filter(is_ready).collect();
        if stage.is_empty() {
            return Err(cycle(dependencies, &is_placed, first));
        }

        for index in &stage {
            is_placed[*index] = true;
        }
        stages.push(stage);
    }
    Ok(stages)
}

/// Follows the dependencies of a part that is in a cycle or depends on one.
fn cycle(dependencies: &[&[usize]], is_placed: &[bool], start: usize) -> Vec<usize> {
    let mut path = vec![start];
    while let Some(last) = path.last().copied() {
        let next = dependencies[last]
            .iter()
            .find(|before| !is_placed[**before]);
        let Some(next) = next.copied() else { break };
        if let Some(begin) = path.iter().position(|index| *index == next) {
            path.drain(..begin);
            break;
        }
        path.push(next);
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn part_is_in_the_first_stage_after_its_dependencies() {
        let stages = stages(&[&[2], &[], &[1], &[], &[0, 3]]);
        assert_eq!(stages, Ok(vec![vec![1, 3], vec![2], vec![0], vec![4]]));
    }

    #[test]
    fn cycle_is_named_without_the_parts_that_wait_for_it() {
        assert_eq!(stages(&[&[1], &[0]]), Err(vec![0, 1]));
        assert_eq!(stages(&[&[1], &[2], &[3], &[1]]), Err(vec![1, 2, 3]));
        assert_eq!(stages(&[&[0]]), Err(vec![0]));
    }

    proptest! {
        #[test]
        fn dependencies_are_in_earlier_stages_or_form_a_cycle(
            edges in prop::collection::vec(prop::collection::vec(0..12_usize, 0..4), 1..12),
        ) {
            let count = edges.len();
            let edges: Vec<Vec<usize>> = edges.into_iter().map(|before| before.into_iter().filter(|index| *index < count).collect()).collect();
            let borrowed: Vec<&[usize]> = edges.iter().map(Vec::as_slice).collect();

            match stages(&borrowed) {
                Ok(stages) => {
                    let stage_of = |part: usize| stages.iter().position(|stage| stage.contains(&part));
                    prop_assert_eq!(stages.iter().map(Vec::len).sum::<usize>(), count);
                    for (part, before) in edges.iter().enumerate() {
                        let latest = before.iter().map(|before| stage_of(*before).unwrap() + 1).max();
                        prop_assert_eq!(stage_of(part), Some(latest.unwrap_or(0)));
                    }
                    prop_assert!(stages.iter().all(|stage| stage.is_sorted()));
                }
                Err(cycle) => {
                    let next = cycle.iter().cycle().skip(1);
                    prop_assert!(!cycle.is_empty() && cycle.iter().zip(next).all(|(part, next)| edges[*part].contains(next)));
                }
            }
        }
    }
}
