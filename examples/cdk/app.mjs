// Deploys a release of Tollgate with CDK. It needs neither Rust nor the AWS CLI:
//
//     npx aws-cdk@2 deploy --app "node app.mjs" --context release=tollgate-0.2.0 --parameters VpcId=vpc-…
//
// The context value `architecture` is arm64 (default) or x86_64. `--parameters` sets parameters of the stack.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { App, Stack } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { Asset } from "aws-cdk-lib/aws-s3-assets";

/** The stack of a release, with its functions and nested stacks as assets. */
class TollgateStack extends Stack {
  constructor(scope, id, { release, architecture, ...properties }) {
    super(scope, id, properties);
    const file = architecture === "arm64" ? "template.json" : `template-${architecture}.json`;
    const templateFile = join(release, file);
    if (!existsSync(templateFile)) {
      throw new Error(`${templateFile} does not exist, expected the folder of an unpacked release`);
    }

    this.template = new CfnInclude(this, "Release", { templateFile });
    for (const resource of this.template.node.findAll()) {
      if (resource.cfnResourceType === "AWS::Lambda::Function") {
        const asset = new Asset(this, `${resource.node.id}Code`, { path: join(release, resource.code) });
        resource.code = { s3Bucket: asset.s3BucketName, s3Key: asset.s3ObjectKey };
      }
      if (resource.cfnResourceType === "AWS::CloudFormation::Stack") {
        const asset = new Asset(this, `${resource.node.id}Template`, { path: join(release, resource.templateUrl) });
        resource.templateUrl = asset.httpUrl;
      }
    }
    this.copyUpdatePolicies(JSON.parse(readFileSync(templateFile, "utf8")).Resources);
  }

  /** CfnInclude writes a wrong update policy if the policy depends on a condition. */
  copyUpdatePolicies(resources) {
    for (const [logicalId, { UpdatePolicy }] of Object.entries(resources)) {
      if (UpdatePolicy) {
        const resource = this.template.getResource(logicalId);
        resource.cfnOptions.updatePolicy = undefined;
        resource.addOverride("UpdatePolicy", UpdatePolicy);
      }
    }
  }
}

// The templates of a release are validated. Here, each default that switches something off would be a warning.
const app = new App({ builtinCloudFormationValidation: false });
const release = app.node.tryGetContext("release");
if (!release) {
  throw new Error("the context value `release` is missing, expected the folder of an unpacked release");
}

new TollgateStack(app, "tollgate", { release, architecture: app.node.tryGetContext("architecture") ?? "arm64" });
app.synth();
