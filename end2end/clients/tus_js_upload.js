// Uploads a file with tus-js-client: MODULES URL FILE RECIPE. Goes on after whatever cuts it; prints the id of the job.
'use strict'
const fs = require('node:fs')
const { createRequire } = require('node:module')

const [modules, url, path, recipe] = process.argv.slice(2)
const tus = createRequire(modules + '/')('tus-js-client')

const upload = new tus.Upload(fs.createReadStream(path), {
  endpoint: url + '/files',
  metadata: { filename: 'tus-js.png', transformation: recipe, filetype: 'image/png' },
  uploadSize: fs.statSync(path).size,
  // The counter starts anew whenever something has arrived.
  retryDelays: [100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000],
  onShouldRetry: error => {
    console.error('again:', String(error))
    return true
  },
  onError: error => {
    console.error(String(error))
    process.exit(1)
  },
  onSuccess: payload => {
    console.log(payload.lastResponse.getHeader('Azulejo-Job-Id'))
    process.exit(0)
  },
})
upload.start()
