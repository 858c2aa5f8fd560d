// Puts the authorizer of a Tollgate stack in front of an HTTP API whose integrations are Lambda functions:
//
//     npx aws-cdk@2 deploy --app "node own-api.mjs"
//     # Deploy Tollgate with HttpApiId=(output ApiId) CreateVpcLink=false OnThrottle=function
//     npx aws-cdk@2 deploy --app "node own-api.mjs" --context authorizer=(output AuthorizerId)
//
// The function responds with 429 to throttled requests. See ../lambda-429.
import { fileURLToPath } from "node:url";
import { App, CfnOutput, Stack } from "aws-cdk-lib";
import { HttpApi, HttpAuthorizer, HttpMethod } from "aws-cdk-lib/aws-apigatewayv2";
import { HttpLambdaIntegration } from "aws-cdk-lib/aws-apigatewayv2-integrations";
import { Code, Function, Runtime } from "aws-cdk-lib/aws-lambda";

const CODE = fileURLToPath(new URL("../lambda-429", import.meta.url));

/** An API, and its routes if the authorizer of the Tollgate stack is given. */
class OrdersStack extends Stack {
  constructor(scope, id, { authorizerId, ...properties }) {
    super(scope, id, properties);
    const api = new HttpApi(this, "Api");
    new CfnOutput(this, "ApiId", { value: api.apiId, description: "The value of HttpApiId for the Tollgate stack" });
    if (authorizerId) {
      this.addRoutes(api, authorizerId);
    }
  }

  addRoutes(api, authorizerId) {
    const authorizer = HttpAuthorizer.fromHttpAuthorizerAttributes(this, "Tollgate", {
      authorizerId,
      authorizerType: "CUSTOM",
    });
    const orders = new Function(this, "Orders", {
      runtime: Runtime.NODEJS_22_X,
      handler: "index.handler",
      code: Code.fromAsset(CODE),
    });

    api.addRoutes({
      path: "/orders/{proxy+}",
      methods: [HttpMethod.ANY],
      integration: new HttpLambdaIntegration("Orders", orders),
      authorizer,
    });
  }
}

const app = new App({ builtinCloudFormationValidation: false });
new OrdersStack(app, "orders", { authorizerId: app.node.tryGetContext("authorizer") });
app.synth();
