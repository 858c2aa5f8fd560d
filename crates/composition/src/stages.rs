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
