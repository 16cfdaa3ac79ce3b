document.title = "Tenants"
