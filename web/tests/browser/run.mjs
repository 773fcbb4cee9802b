// node run.mjs STORY [ARGUMENT…]: plays one story of stories/, and fails if it fails or if the page complained.

import assert from 'node:assert/strict';
import { Stage } from './stage.mjs';

const [name, ...words] = process.argv.slice(2);
const { default: story } = await import(`./stories/${name}.mjs`);
const stage = new Stage();
try {
  await story(stage, ...words);
  assert.deepEqual(stage.complaints, [], 'the page complained');
} catch (error) {
  await stage.picture();
  throw error;
} finally {
  await stage.end();
}
