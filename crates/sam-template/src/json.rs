//! An evaluated template as JSON.

use serde_json::{Map, Value};

use super::{Kind, Node, Template, TemplateError};

impl Template {
    /// Returns the evaluated template as JSON: `Parameters` with their values, `Conditions` with
    /// their truth values, the `Resources` and `Outputs` whose condition is true, and under
    /// `Rules` the assertions that fail.
    ///
    /// A value that only a deployment can resolve stays a function call, such as `{"Ref": "Table"}`
    /// or `{"Fn::Sub": "${Table.Arn}/index/*"}`. Known values are filled in.
    ///
    /// # Errors
    /// [`TemplateError`] if a function is not supported, or if a condition, a mapping or a function
    /// call is invalid.
    pub fn to_json(&self) -> Result<Value, TemplateError> {
        let mut conditions = Map::new();
        for (name, node) in &self.conditions {
            let value = self.condition(name, node.position, 0)?;
            conditions.insert(name.clone(), value.into());
        }
        let mut resources = Map::new();
        for resource in &self.resources {
            if self.exists(resource)? {
                let value = self.evaluate(&resource.attributes)?;
                resources.insert(resource.id.clone(), optional_json(value));
            }
        }

        Ok(Value::from_iter([
            ("Parameters", self.parameters_json()),
            ("Conditions", conditions.into()),
            ("Resources", resources.into()),
            ("Outputs", self.outputs_json()?),
            ("Rules", self.failed_rules()?.into()),
        ]))
    }

    fn parameters_json(&self) -> Value {
        let nodes = self.parameters.nodes();
        nodes.map(|(name, node)| (name, json(&node))).collect()
    }

    fn outputs_json(&self) -> Result<Value, TemplateError> {
        let mut outputs = Map::new();
        for (name, _, node) in &self.outputs {
            let exists = match node.field("Condition") {
                Some(condition) => {
                    let (condition, position) = condition.clone().into_text("Condition")?;
                    self.condition(&condition, position, 0)?
                }
                None => true,
            };

            if exists {
                outputs.insert(name.clone(), optional_json(self.evaluate(node)?));
            }
        }

        Ok(outputs.into())
    }
}

fn optional_json(node: Option<Node>) -> Value {
    node.as_ref().map_or(Value::Null, json)
}

fn json(node: &Node) -> Value {
    match &node.kind {
        Kind::Null => Value::Null,
        Kind::Text(text) if node.is_plain => plain_scalar(text),
        Kind::Text(text) => text.as_str().into(),
        Kind::List(items) => items.iter().map(json).collect(),
        Kind::Map(entries) => entries
            .iter()
            .map(|(name, _, value)| (name.clone(), json(value)))
            .collect(),
        Kind::Call(function, argument) => {
            let name = match function.as_str() {
                "Ref" | "Condition" => function.clone(),
                other => format!("Fn::{other}"),
            };
            Value::from_iter([(name, json(argument))])
        }
    }
}

/// Converts a scalar without quotes: `true`, `false` and JSON numbers have their type, everything
/// else is a string.
fn plain_scalar(text: &str) -> Value {
    match text {
        "true" | "false" => (text == "true").into(),
        _ => serde_json::from_str(text)
            .ok()
            .filter(Value::is_number)
            .unwrap_or_else(|| text.into()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ParameterValues;

    const TEMPLATE: &str = r#"
Parameters:
  Size: {Type: Number, Default: 3}
  Hosts: {Type: CommaDelimitedList, Default: 'a,b'}
  Stage: {Type: String, Default: dev}
Mappings:
  Days: {dev: {Log: 7}}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsBig: !Not [!Equals [!Ref Size, 3]]
Rules:
  Hosts:
    RuleCondition: !Equals [!Ref Stage, dev]
    Assertions:
    - {Assert: !Contains [!Ref Hosts, c], AssertDescription: c is missing}
    - {Assert: {'Fn::EachMemberIn': [!Ref Hosts, [a, b, d]]}, AssertDescription: 'only a, b, d'}
  Skipped:
    RuleCondition: !Equals [!Ref Stage, prod]
    Assertions: [{Assert: !Equals [a, b], AssertDescription: never}]
Resources:
  Table: {Type: T, Condition: IsBig}
  It:
    Type: T
    DependsOn: Table
    Properties:
      Plain: [true, 30, 1.5, "30", 2012-10-17, null]
      Size: !Ref Size
      Hosts: !Ref Hosts
      Days: !FindInMap [Days, !Ref Stage, Log]
      Ref: !Ref Table
      Attribute: !GetAtt Table.Arn
      Sub: !Sub "${Stage}-${Table.Arn}-${!Literal}-${AWS::Region}"
      SubNames: !Sub ["${A}/${B}/${C}", {A: !Ref Table, B: !Ref Stage, C: !Join ["", [!Ref Table]]}]
      Join: !Join ["-", [!Ref Stage, !Ref Table]]
      Zone: !Select [0, !GetAZs ""]
      Chosen: !If [IsDev, !Ref Stage, !Ref "AWS::NoValue"]
      Absent: !If [IsBig, !Ref Stage, !Ref "AWS::NoValue"]
Outputs:
  One: {Value: !GetAtt Table.Arn, Condition: IsBig}
  Two: {Value: !Sub "${Stage}"}
"#;

    fn evaluated(given: &[(&str, &str)]) -> Result<Value, TemplateError> {
        let given: ParameterValues = given
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Template::unresolved(Node::parse(TEMPLATE)?, &given)?.to_json()
    }

    #[test]
    fn known_values_are_filled_in_and_references_to_resources_stay() {
        let evaluated = evaluated(&[]).unwrap();
        let table = json!({"Ref": "Table"});
        assert_eq!(
            evaluated["Resources"],
            json!({"It": {"Type": "T", "DependsOn": "Table", "Properties": {
                "Plain": [true, 30, 1.5, "30", "2012-10-17", null],
                "Size": 3,
                "Hosts": ["a", "b"],
                "Days": 7,
                "Ref": table,
                "Attribute": {"Fn::GetAtt": ["Table", "Arn"]},
                "Sub": {"Fn::Sub": "dev-${Table.Arn}-${!Literal}-us-east-1"},
                "SubNames": {"Fn::Sub": ["${Table}/dev/${C}", {"C": {"Fn::Join": ["", [table]]}}]},
                "Join": {"Fn::Join": ["-", ["dev", table]]},
                "Zone": {"Fn::Select": [0, {"Fn::GetAZs": ""}]},
                "Chosen": "dev",
            }}})
        );
        assert_eq!(
            evaluated["Parameters"],
            json!({"Size": 3, "Hosts": ["a", "b"], "Stage": "dev"})
        );
        assert_eq!(evaluated["Outputs"], json!({"Two": {"Value": "dev"}}));
    }

    #[test]
    fn conditions_and_rules_are_evaluated_for_the_given_parameters() {
        let dev = evaluated(&[]).unwrap();
        assert_eq!(dev["Conditions"], json!({"IsDev": true, "IsBig": false}));
        assert_eq!(dev["Rules"], json!(["Hosts: c is missing"]));

        let given = [
            ("Hosts", "c,e"),
            ("Size", "4"),
            ("AWS::Region", "eu-west-1"),
        ];
        let other = evaluated(&given).unwrap();
        assert_eq!(other["Rules"], json!(["Hosts: only a, b, d"]));
        assert_eq!(
            other["Outputs"]["One"]["Value"],
            json!({"Fn::GetAtt": ["Table", "Arn"]})
        );
        let sub = &other["Resources"]["It"]["Properties"]["Sub"]["Fn::Sub"];
        assert_eq!(sub, "dev-${Table.Arn}-${!Literal}-eu-west-1");
    }

    #[test]
    fn invalid_parameters_are_errors() {
        assert!(evaluated(&[("Nope", "1")]).is_err());
        let text = "Parameters: {A: {Type: String}}\nResources: {}";
        let error = Template::unresolved(Node::parse(text).unwrap(), &ParameterValues::new());
        assert_eq!(
            error.unwrap_err().to_string(),
            "parameter A has neither a value nor a default"
        );
    }

    #[test]
    fn loops_are_left_to_cloudformation() {
        let text = "\
Parameters: {Names: {Type: CommaDelimitedList, Default: 'a,b'}}
Resources:
  Fn::ForEach::Topics: [Name, !Ref Names, {'${Name}': {Type: 'AWS::SNS::Topic'}}]
  Queue: {Type: 'AWS::SQS::Queue'}
";
        let node = Node::parse(text).unwrap();
        let template = Template::unresolved(node, &ParameterValues::new()).unwrap();
        let json = template.to_json().unwrap();
        assert_eq!(
            json["Resources"],
            json!({"Queue": {"Type": "AWS::SQS::Queue"}})
        );
    }
}
