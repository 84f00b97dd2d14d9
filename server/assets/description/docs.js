"use strict";

// Addresses are relative to the page's, so that they hold behind a proxy that serves it under a path.
window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  // A key that was entered is forgotten with the page.
  persistAuthorization: false,
  // Nobody outside is asked whether the description is well-formed.
  validatorUrl: null,
});
