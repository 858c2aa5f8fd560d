// A typical authorizer in Node: tokens verified by the library that VERIFIER names, a plan and a token bucket in DynamoDB.

import { ConditionalCheckFailedException, DynamoDBClient, GetItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";

import { verifierOf } from "./verify.mjs";

const { AWS_LAMBDA_RUNTIME_API, AUDIENCE, ISSUER, JWKS_URI, REGISTRY_TABLE, USAGE_TABLE, VERIFIER } = process.env;
const dynamodb = new DynamoDBClient({});
const verify = await verifierOf(VERIFIER, { issuer: ISSUER, audience: AUDIENCE, jwksUri: JWKS_URI });

async function throttleOf(plan) {
  const key = { pk: { S: "plan" }, sk: { S: plan } };
  const { Item } = await dynamodb.send(new GetItemCommand({ TableName: REGISTRY_TABLE, Key: key }));
  return JSON.parse(Item.doc.S).throttle;
}

// Charges one call. The bucket is stored as the time at which it will be full, in milliseconds.
async function charge(id, { rate, burst }) {
  const now = Date.now();
  const interval = 1000 / rate;
  const update = (condition, expression, values) =>
    dynamodb.send(
      new UpdateItemCommand({
        TableName: USAGE_TABLE,
        Key: { id: { S: id } },
        ConditionExpression: condition,
        UpdateExpression: expression,
        ExpressionAttributeValues: Object.fromEntries(
          Object.entries(values).map(([name, value]) => [name, { N: String(value) }]),
        ),
      }),
    );
  try {
    const full = "attribute_not_exists(full_at) OR full_at <= :now";
    await update(full, "SET full_at = :next", { ":now": now, ":next": now + interval });
    return true;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
  }
  try {
    const values = { ":now": now, ":latest": now + (burst - 1) * interval, ":interval": interval };
    await update("full_at BETWEEN :now AND :latest", "SET full_at = full_at + :interval", values);
    return true;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    return false;
  }
}

async function handle(event) {
  const token = event.headers.authorization.replace(/^Bearer /, "");
  const claims = await verify(token);
  const allowed = await charge(`node#${claims.sub}`, await throttleOf(claims.plan));
  const decision = allowed ? "allowed" : "throttled";
  return { isAuthorized: allowed, context: { decision, user_id: claims.sub, plan: claims.plan } };
}

const api = `http://${AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
for (;;) {
  const next = await fetch(`${api}/next`);
  const id = next.headers.get("lambda-runtime-aws-request-id");
  const post = (outcome, body) => fetch(`${api}/${id}/${outcome}`, { method: "POST", body: JSON.stringify(body) });
  try {
    await post("response", await handle(await next.json()));
  } catch (error) {
    await post("error", { errorType: error.name, errorMessage: error.message });
  }
}
