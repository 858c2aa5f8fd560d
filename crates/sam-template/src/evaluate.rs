//! Evaluation of intrinsic functions.

use super::document::References;
use super::{Kind, Node, Position, Template, TemplateError};

/// The deepest nesting of functions and conditions. It bounds the stack; no real template comes
/// near it.
pub(super) const MAX_DEPTH: usize = 64;

impl Template {
    /// Evaluates a value. `None` for `AWS::NoValue`: the property or list item is omitted.
    pub(super) fn evaluate(&self, node: &Node) -> Result<Option<Node>, TemplateError> {
        self.evaluate_at(node, 0)
    }

    pub(super) fn evaluate_at(
        &self,
        node: &Node,
        depth: usize,
    ) -> Result<Option<Node>, TemplateError> {
        if depth > MAX_DEPTH {
            return Err(TemplateError::at(
                node.position,
                "functions are nested too deeply",
            ));
        }

        match &node.kind {
            Kind::Null | Kind::Text(_) => Ok(Some(node.clone())),
            Kind::List(items) => {
                let items = self.evaluate_items(items, depth)?;
                Ok(Some(Node::new(node.position, Kind::List(items))))
            }
            Kind::Map(entries) => {
                let mut evaluated = Vec::with_capacity(entries.len());
                for (name, position, value) in entries {
                    if let Some(value) = self.evaluate_at(value, depth + 1)? {
                        evaluated.push((name.clone(), *position, value));
                    }
                }
                Ok(Some(Node::new(node.position, Kind::Map(evaluated))))
            }
            Kind::Call(function, argument) => {
                self.call(function, argument, node.position, depth + 1)
            }
        }
    }

    fn evaluate_items(&self, items: &[Node], depth: usize) -> Result<Vec<Node>, TemplateError> {
        items
            .iter()
            .filter_map(|item| self.evaluate_at(item, depth + 1).transpose())
            .collect()
    }

    /// Evaluates the argument of a function. `AWS::NoValue` is null.
    pub(super) fn argument(&self, node: &Node, depth: usize) -> Result<Node, TemplateError> {
        let evaluated = self.evaluate_at(node, depth)?;
        Ok(evaluated.unwrap_or(Node::new(node.position, Kind::Null)))
    }

    fn call(
        &self,
        function: &str,
        argument: &Node,
        position: Position,
        depth: usize,
    ) -> Result<Option<Node>, TemplateError> {
        match function {
            "Ref" => self.reference(argument, position),
            "Sub" => self.substitute(argument, position, depth).map(Some),
            "GetAtt" => self.attribute(argument).map(Some),
            "Join" => self.join(argument, position, depth).map(Some),
            "Split" => self.split(argument, position, depth).map(Some),
            "Select" => self.select(argument, position, depth).map(Some),
            "FindInMap" => self.find_in_map(argument, depth).map(Some),
            "If" => {
                let [condition, then, otherwise] = arguments::<3>(argument, "If")?;
                let (name, at) = condition.clone().into_text("If")?;
                let is_true = self.condition(&name, at, depth)?;
                self.evaluate_at(if is_true { then } else { otherwise }, depth)
            }
            "GetAZs" | "Cidr" | "ImportValue" | "Base64"
                if self.references == References::Unresolved =>
            {
                let argument = self.argument(argument, depth)?;
                Ok(Some(Node::call(position, function, argument)))
            }
            other => Err(TemplateError::at(
                position,
                format!("the function `{other}` is not supported by the local gateway"),
            )),
        }
    }
}

/// Returns the arguments of a function that takes a list of `N`.
pub(super) fn arguments<'n, const N: usize>(
    argument: &'n Node,
    function: &str,
) -> Result<[&'n Node; N], TemplateError> {
    let items: Vec<&Node> = match &argument.kind {
        Kind::List(items) => items.iter().collect(),
        _ => Vec::new(),
    };

    items.try_into().map_err(|_| {
        TemplateError::at(
            argument.position,
            format!("`{function}` takes a list of {N}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ParameterValues;

    const HEAD: &str = "
Parameters:
  Name: {Type: String, Default: a, AllowedValues: [a, b]}
  Ids: {Type: List<AWS::EC2::Subnet::Id>}
  Count: {Type: Number, MinValue: 3, MaxValue: 9}
  Free: {Type: String}
  List: {Type: CommaDelimitedList, Default: 'c,d'}
Mappings:
  ByName: {a: {Days: 7}, b: {Days: 30}}
Conditions:
  IsA: !Equals [!Ref Name, a]
  IsB: !Not [!Condition IsA]
  Both: !And [!Condition IsA, {Condition: IsB}]
  Either: !Or [!Condition IsA, !Condition IsB]
Resources:
  Other: {Type: O, Condition: IsB}
  F: {Type: AWS::Serverless::Function, Properties: {AutoPublishAlias: live}}
  It:
    Type: T
    Properties:
";

    fn properties(
        body: &str,
        given: &[(&str, &str)],
    ) -> Result<Vec<(String, Kind)>, TemplateError> {
        let given = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let template = Template::parse(&format!("{HEAD}      {body}"), &given)?;
        let (_, fields) = template.resources("T")?.remove(0);
        Ok(fields
            .rest()
            .into_iter()
            .map(|(name, _, node)| (name, node.kind))
            .collect())
    }

    fn value(body: &str, given: &[(&str, &str)]) -> Kind {
        properties(&format!("P: {body}"), given)
            .unwrap()
            .remove(0)
            .1
    }

    fn text(text: &str) -> Kind {
        Kind::Text(text.to_owned())
    }

    #[test]
    fn references_and_substitutions_are_resolved() {
        assert_eq!(value("!Ref Name", &[("Name", "b")]), text("b"));
        assert_eq!(value("!Ref F", &[]), text("F"));
        assert_eq!(
            value("!Sub x-${Name}-${AWS::Region}-${!Literal}", &[]),
            text("x-a-us-east-1-${Literal}")
        );
        assert_eq!(
            value("!Sub [\"${Own}/${Name}\", {Own: !Ref F}]", &[]),
            text("F/a")
        );
        assert_eq!(
            value("!GetAtt F.Arn", &[]),
            text("arn:aws:lambda:us-east-1:123456789012:function:F")
        );
        assert_eq!(
            value("!Ref FAliaslive", &[]),
            value("!Sub \"${F.Arn}:live\"", &[])
        );
        assert_eq!(
            value("!Sub ${FAliaslive}", &[]),
            value("!Ref FAliaslive", &[])
        );
        assert_eq!(
            value("!FindInMap [ByName, !Ref Name, Days]", &[("Name", "b")]),
            text("30")
        );
        assert_eq!(
            value("!Select [1, !Split [\",\", \"a,${x},\"]]", &[]),
            text("${x}")
        );
        assert_eq!(value("!Select [0, !Ref List]", &[]), text("c"));
        assert_eq!(
            value("!Join [\"-\", [!Ref Name, b, !Ref AWS::NoValue]]", &[]),
            text("a-b")
        );
        assert_eq!(value("!Join [\"\", !Ref List]", &[]), text("cd"));
        assert_eq!(value("!Sub ${F.Arn}", &[]), value("!GetAtt [F, Arn]", &[]));
    }

    #[test]
    fn if_selects_by_condition() {
        assert_eq!(value("!If [IsA, yes, no]", &[]), text("yes"));
        assert_eq!(value("!If [IsB, yes, no]", &[]), text("no"));
        assert_eq!(value("!If [Both, yes, no]", &[]), text("no"));
        assert_eq!(value("!If [Either, yes, no]", &[]), text("yes"));
        assert_eq!(value("!If [IsB, yes, no]", &[("Name", "b")]), text("yes"));
    }

    #[test]
    fn no_value_omits_the_property_or_item() {
        assert_eq!(properties("P: !Ref AWS::NoValue", &[]).unwrap(), []);
        let Kind::List(items) = value("[1, !If [IsB, 2, !Ref AWS::NoValue], 3]", &[]) else {
            panic!()
        };
        assert_eq!(
            items.into_iter().map(|item| item.kind).collect::<Vec<_>>(),
            [text("1"), text("3")]
        );
    }

    #[test]
    fn parameters_without_a_default_get_a_value_of_their_type() {
        let Kind::List(ids) = value("!Ref Ids", &[]) else {
            panic!()
        };
        assert_eq!(ids.len(), 2);
        assert_eq!(value("!Ref Count", &[]), text("3"));
        assert_eq!(value("!Ref Free", &[]), text("stand-in-for-Free"));
        let template = Template::parse(HEAD, &ParameterValues::new()).unwrap();
        let names: Vec<_> = template
            .stand_ins
            .iter()
            .map(|stand_in| stand_in.name.as_str())
            .collect();
        assert_eq!(names, ["Ids", "Count", "Free"]);
    }

    #[test]
    fn unsupported_and_invalid_functions_are_errors_with_a_position() {
        for (body, place, problem) in [
            (
                "P: !Ref Nothing",
                "21:10",
                "there is neither a parameter nor a resource `Nothing`",
            ),
            ("P: !Sub \"${Nothing}\"", "21:10", "there is neither"),
            ("P: !Sub \"${Name\"", "21:10", "a `${` is not closed"),
            ("P: !Ref FAliasother", "21:10", "there is neither"),
            (
                "P: !Ref Other",
                "21:10",
                "the condition of `Other` is false for these parameters",
            ),
            (
                "P: !If [Nope, 1, 2]",
                "21:15",
                "there is no condition `Nope`",
            ),
            ("P: !If [IsA, 1]", "21:10", "`If` takes a list of 3"),
            (
                "P: !Cidr [a, 1]",
                "21:10",
                "the function `Cidr` is not supported by the local gateway",
            ),
            (
                "P: {Fn::Base64: a}",
                "21:10",
                "the function `Base64` is not supported",
            ),
            (
                "P: !Select [2, !Split [\",\", \"a,b\"]]",
                "21:19",
                "`Select` of `2` in a list of 2",
            ),
            (
                "P: !Split [\"\", a]",
                "21:18",
                "the separator of `Split` is empty",
            ),
            (
                "P: !FindInMap [ByName, c, Days]",
                "21:30",
                "there is no `c` in this mapping",
            ),
            ("P: !Join [\",\", a]", "21:22", "`Join` must be a list"),
            ("P: !Join [\",\"]", "21:10", "`Join` takes a list of 2"),
        ] {
            let error = properties(body, &[]).unwrap_err().to_string();
            assert!(
                error.starts_with(place) && error.contains(problem),
                "{body}: {error}"
            );
        }
    }

    #[test]
    fn given_parameters_are_checked() {
        for (given, problem) in [
            (
                ("Name", "c"),
                "parameter Name: `c` is not allowed, expected one of a, b",
            ),
            (("Count", "x"), "parameter Count: `x` is not a number"),
            (("Count", "2"), "parameter Count: `2` is out of range"),
            (("Nope", "1"), "there is no parameter `Nope`"),
        ] {
            let error = properties("P: 1", &[given]).unwrap_err().to_string();
            assert!(error.ends_with(problem), "{error}");
        }
    }

    #[test]
    fn recursive_conditions_are_errors() {
        for condition in ["!Not [!Condition A]", "!Equals [!If [A, a, b], a]"] {
            let text = format!(
                "Conditions: {{A: {condition}}}\nResources: {{R: {{Type: T, Condition: A}}}}"
            );
            let template = Template::parse(&text, &ParameterValues::new()).unwrap();
            assert!(
                template
                    .resources("T")
                    .unwrap_err()
                    .to_string()
                    .contains("nested too deeply"),
                "{condition}"
            );
        }
    }
}
