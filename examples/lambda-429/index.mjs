import { withTollgate } from "./tollgate.mjs";

/** Returns the caller's plan and key, as the authorizer determined them. */
export const handler = withTollgate(async (event) => {
  const { plan, key_id: keyId } = event.requestContext.authorizer.lambda;
  return {
    statusCode: 200,
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ path: event.rawPath, plan, key_id: keyId }),
  };
});
