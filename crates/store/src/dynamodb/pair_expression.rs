//! The conditions and the changes of a [`TatPair`](super::tat_pair::TatPair) as DynamoDB expressions.

use limits::Nanos;

use super::expression::Writer;
use super::tat_pair::{PairCharge, PairForm, PairNames};

/// The placeholders of the attributes of a pair.
struct Names {
    ceiling: String,
    copy: String,
    older: String,
    newer: String,
}

impl Names {
    fn is_pair(&self) -> String {
        let Self { ceiling, copy, .. } = self;
        format!("{copy} = {ceiling}")
    }

    /// True for an item that the release before has charged, and for a caller's first call.
    fn is_single(&self) -> String {
        let Self { ceiling, copy, .. } = self;
        format!("(attribute_not_exists({copy}) OR {copy} <> {ceiling})")
    }

    /// True if the `tat` is absent or at most `most`, a placeholder. A ceiling within it suffices.
    fn at_most(&self, most: &str) -> String {
        let Self {
            ceiling,
            older,
            newer,
            ..
        } = self;
        let is_pair = self.is_pair();
        format!(
            "(attribute_not_exists({ceiling}) OR {ceiling} <= {most} \
             OR ({is_pair} AND {older} <= {most} AND {newer} <= {most}))"
        )
    }
}

impl Writer {
    pub(super) fn pair(&mut self, charge: &PairCharge) {
        let names = self.pair_names(&charge.names);
        match charge.form {
            PairForm::Restart => self.restart(&names, charge),
            PairForm::DropOlder => {
                let Names { older, newer, .. } = &names;
                self.drop_one([older, newer], &names, charge);
            }
            PairForm::DropNewer => {
                let Names { older, newer, .. } = &names;
                self.drop_one([newer, older], &names, charge);
            }
            PairForm::Advance { swap } => self.advance(&names, charge, swap),
        }
    }

    pub(super) fn pair_at_most(&mut self, names: &PairNames, most: Nanos) {
        let names = self.pair_names(names);
        let most = self.value(most);
        self.conditions.push(names.at_most(&most));
    }

    fn restart(&mut self, names: &Names, charge: &PairCharge) {
        let now = self.value(charge.now);
        self.conditions.push(names.at_most(&now));

        let tat = self.value(charge.idle_tat());
        self.sets.push(format!("{} = {tat}", names.older));
        self.set_newest(names, charge);
    }

    /// Continues the `kept` number as the older one, and begins a newer one at `now`.
    fn drop_one(&mut self, [dropped, kept]: [&String; 2], names: &Names, charge: &PairCharge) {
        let (now, most) = (self.value(charge.now), self.value(charge.most()));
        self.conditions.push(names.is_pair());
        self.conditions
            .push(format!("({dropped} <= {kept} OR {dropped} <= {now})"));
        self.conditions.push(format!("{kept} <= {most}"));

        let by = self.value(charge.by);
        self.sets.push(format!("{} = {kept} + {by}", names.older));
        self.set_newest(names, charge);
    }

    fn set_newest(&mut self, names: &Names, charge: &PairCharge) {
        let (tat, top) = (self.value(charge.idle_tat()), self.value(charge.ceiling()));
        let Names {
            ceiling,
            copy,
            newer,
            ..
        } = names;
        self.sets.push(format!("{newer} = {tat}"));
        self.sets.push(format!("{ceiling} = {top}"));
        self.sets.push(format!("{copy} = {top}"));
    }

    /// Adds to all numbers. If the pair is not valid, it stays so: the ceiling and its copy keep
    /// their difference, and absent numbers become ones that are before the ceiling.
    fn advance(&mut self, names: &Names, charge: &PairCharge, swap: bool) {
        let (is_pair, is_single) = (names.is_pair(), names.is_single());
        let (now, latest) = (self.value(charge.now), self.value(charge.latest));
        let by = self.value(charge.by);
        let Names {
            ceiling,
            copy,
            older,
            newer,
        } = names;
        self.conditions.push(format!(
            "(({is_pair} AND ({older} > {now} OR {newer} > {now}) \
             AND {older} <= {latest} AND {newer} <= {latest}) \
             OR ({is_single} AND {ceiling} > {now} AND {ceiling} <= {latest}))"
        ));

        let (to_older, to_newer) = if swap { (newer, older) } else { (older, newer) };
        self.sets.push(format!("{ceiling} = {ceiling} + {by}"));
        for (to, from) in [(copy, copy), (older, to_older), (newer, to_newer)] {
            self.sets
                .push(format!("{to} = if_not_exists({from}, {now}) + {by}"));
        }
    }

    fn pair_names(&mut self, names: &PairNames) -> Names {
        Names {
            ceiling: self.name(&names.ceiling),
            copy: self.name(&names.copy),
            older: self.name(&names.older),
            newer: self.name(&names.newer),
        }
    }
}
