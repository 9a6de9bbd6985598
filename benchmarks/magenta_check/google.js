// What Google's own program says: node google.js FILE.gen.json PIXEL_FACTOR < drawings.json
//
// In: a list of drawings, each a list of stroke-5 rows in px of 0..255. Out: for each row of each drawing the mixture
// of the next row, at temperature 1: pi, mu x, mu y, sigma x, sigma y, rho, pen.
'use strict';
const fs = require('fs');

console.log = console.warn = console.error; // the library greets on standard output, which is for the figures
const { SketchRNN } = require('@magenta/sketch');

async function main() {
  const decoder = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
  global.fetch = async () => ({ json: async () => decoder }); // the library only knows how to fetch an address
  const model = new SketchRNN('a local file');
  await model.initialize();
  model.setPixelFactor(Number(process.argv[3])); // its px per px of ours
  const said = JSON.parse(fs.readFileSync(0, 'utf8')).map((rows) => {
    let state = model.zeroState();
    return rows.map((row) => {
      state = model.update(row, state);
      const { pi, muX, muY, sigmaX, sigmaY, corr, pen } = model.getPDF(state, 1.0);
      // sigmaY comes with what stands behind it: the library cuts it at 15 M, not at 5 M.
      return [pi, muX, muY, sigmaX, sigmaY.slice(0, pi.length), corr, pen].flatMap((part) => Array.from(part));
    });
  });
  process.stdout.write(JSON.stringify(said));
}

main();
