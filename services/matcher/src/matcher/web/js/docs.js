// The page about the API. No validator: that of Swagger UI is a server elsewhere.
window.SwaggerUIBundle({ url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
