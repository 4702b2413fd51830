/** Preloaded with `--import` into the children of tests: a process warning ends them, as an unhandled rejection does. */

process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning') throw warning
})
