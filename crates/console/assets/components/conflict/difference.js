// The differences between two texts, line by line.

/** The largest product of line counts for which the shortest difference is computed. */
const MAX_CELLS = 4_000_000;

/**
 * Returns the lines of both texts side by side. A row has `kind`: `same`, `changed`, `left` (only the left
 * text has it) or `right`, and the lines with their numbers.
 *
 * @returns {{kind: string, left?: {number: number, text: string}, right?: {number: number, text: string}}[]}
 */
export function differences(leftText, rightText) {
  const left = numbered(leftText);
  const right = numbered(rightText);

  const start = commonLength(left, right);
  const most = Math.min(left.length, right.length) - start;
  const end = commonLength(left.toReversed(), right.toReversed(), most);

  const middle = compare(left.slice(start, left.length - end), right.slice(start, right.length - end));
  return [
    ...left.slice(0, start).map((line, index) => ({ kind: "same", left: line, right: right[index] })),
    ...paired(middle),
    ...left.slice(left.length - end).map((line, index) => {
      return { kind: "same", left: line, right: right[right.length - end + index] };
    }),
  ];
}

function numbered(text) {
  return text.split("\n").map((line, index) => ({ number: index + 1, text: line }));
}

function commonLength(left, right, most = Math.min(left.length, right.length)) {
  let length = 0;
  while (length < most && left[length].text === right[length].text) length += 1;
  return length;
}

/** Returns rows by the longest common subsequence. Very long texts have no common lines here. */
function compare(left, right) {
  if (left.length * right.length > MAX_CELLS) {
    const lefts = left.map((line) => ({ kind: "left", left: line }));
    return [...lefts, ...right.map((line) => ({ kind: "right", right: line }))];
  }
  return walk(left, right, commonLengths(left, right));
}

/** Returns a function of a row and a column: the length of the longest common subsequence of the rest. */
function commonLengths(left, right) {
  const width = right.length + 1;
  const lengths = new Uint32Array((left.length + 1) * width);
  for (let row = left.length - 1; row >= 0; row -= 1) {
    for (let column = right.length - 1; column >= 0; column -= 1) {
      const isSame = left[row].text === right[column].text;
      const below = lengths[(row + 1) * width + column];
      const after = lengths[row * width + column + 1];
      const both = lengths[(row + 1) * width + column + 1];
      lengths[row * width + column] = isSame ? both + 1 : Math.max(below, after);
    }
  }
  return (row, column) => lengths[row * width + column];
}

function walk(left, right, rest) {
  const rows = [];
  let row = 0;
  let column = 0;
  while (row < left.length || column < right.length) {
    const hasBoth = row < left.length && column < right.length;
    if (hasBoth && left[row].text === right[column].text) {
      rows.push({ kind: "same", left: left[row++], right: right[column++] });
    } else if (column === right.length || (hasBoth && rest(row + 1, column) >= rest(row, column + 1))) {
      rows.push({ kind: "left", left: left[row++] });
    } else {
      rows.push({ kind: "right", right: right[column++] });
    }
  }
  return rows;
}

/** Puts lines that replace each other into one row. */
function paired(rows) {
  const result = [];
  let lefts = [];
  let rights = [];
  const flush = () => {
    for (let index = 0; index < Math.max(lefts.length, rights.length); index += 1) {
      const left = lefts[index];
      const right = rights[index];
      result.push({ kind: left && right ? "changed" : left ? "left" : "right", left, right });
    }
    lefts = [];
    rights = [];
  };

  for (const row of rows) {
    if (row.kind === "left") lefts.push(row.left);
    else if (row.kind === "right") rights.push(row.right);
    else {
      flush();
      result.push(row);
    }
  }
  flush();
  return result;
}

/** Returns rows in which long runs of equal lines are one row `{kind: "gap", count}`. */
export function withGaps(rows, context = 3) {
  const isNear = rows.map(() => false);
  rows.forEach(({ kind }, index) => {
    if (kind !== "same") isNear.fill(true, Math.max(0, index - context), index + context + 1);
  });

  const result = [];
  rows.forEach((row, index) => {
    if (isNear[index]) result.push(row);
    else if (result.at(-1)?.kind === "gap") result.at(-1).count += 1;
    else result.push({ kind: "gap", count: 1 });
  });
  return result;
}
