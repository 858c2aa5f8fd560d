// Where the policy in force comes from, and how to change it.

/**
 * Returns the source of the policy in force in words.
 *
 * @param {{kind: string, name?: string}} source
 * @param {boolean} isLocal true for the local gateway
 * @returns {{title: string, change: string, isReadOnly: boolean}}
 */
export function sourceWords({ kind, name }, isLocal) {
  if (kind === "table") {
    return {
      title: `Policy ${name} of the registry`,
      change: "Instances load a saved version within five minutes.",
      isReadOnly: false,
    };
  }
  if (kind === "file") {
    return {
      title: `File ${name ?? ""}`.trim(),
      change: "To change the policy, edit this file and start the gateway again.",
      isReadOnly: true,
    };
  }
  if (kind === "template") return ofTemplate(name, isLocal);
  return {
    title: "The source is not known",
    change: "The policy is the parameter AuthPolicy of the deployed template. Change it with the next deployment.",
    isReadOnly: true,
  };
}

function ofTemplate(name, isLocal) {
  if (isLocal) {
    return {
      title: `Parameters of ${name ?? "the template"}`,
      change: "To use another policy, start the gateway with --policy FILE.",
      isReadOnly: true,
    };
  }
  return {
    title: `Parameter AuthPolicy of ${name ?? "the stack"}`,
    change: "To change the policy, deploy the stack with another value of AuthPolicy. With AuthPolicy=table:NAME, "
      + "the policy NAME of the registry is in force and can be changed here.",
    isReadOnly: true,
  };
}
