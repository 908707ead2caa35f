#!/usr/bin/env python3
"""Serve the OHIF viewer's files, with a configuration that names our node:
ohif.py PORT DIR DICOMWEB. Unknown paths are its page: it routes by itself."""
import http.server
import os
import sys

PORT, DIR, WEB = int(sys.argv[1]), sys.argv[2], sys.argv[3]
CONFIG = """window.config = {
  routerBasename: '/', extensions: [], modes: [], showStudyList: true,
  customizationService: {}, maxNumberOfWebWorkers: 2,
  showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false,
  showLoadingIndicator: true, strictZSpacingForVolumeViewport: true,
  useSharedArrayBuffer: 'FALSE', useNorm16Texture: false, useCPURendering: true,
  investigationalUseDialog: { option: 'never' },
  defaultDataSourceName: 'dicomweb',
  dataSources: [{
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
    sourceName: 'dicomweb',
    configuration: {
      friendlyName: 'Understudy', name: 'understudy',
      wadoUriRoot: '%s/wado', qidoRoot: '%s/dicom-web',
      wadoRoot: '%s/dicom-web', qidoSupportsIncludeField: true,
      supportsReject: false, imageRendering: 'wadors',
      thumbnailRendering: 'wadors', enableStudyLazyLoad: true,
      supportsFuzzyMatching: false, supportsWildcard: true, omitQuotationForMultipartRequest: false,
      bulkDataURI: { enabled: true },
    },
  }],
};
""" % (WEB, WEB, WEB)


class Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *args):
        super().__init__(*args, directory=DIR)

    def do_GET(self):
        path = self.path.split("?")[0]
        if path == "/app-config.js":
            body = CONFIG.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            return
        if not os.path.isfile(DIR + path):
            self.path = "/index.html"
        super().do_GET()

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer.daemon_threads = True
http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
