
  # ${about}
  group "${role}" {
    count = 1

    network {
      port "metrics" { to = 9100 }
    }

    service {
      name     = "${label}-${role}"
      provider = "nomad"
      port     = "metrics"

      check {
        type     = "http"
        path     = "/metrics"
        interval = "15s"
        timeout  = "10s"
      }
    }

    task "${role}" {
      driver = "docker"
${task}
      config {
        image = var.image
        args  = ["serve", "--roles=${role}", "--metrics-bind=0.0.0.0:9100", "--grace=20"]
        ports = ["metrics"]
${confined}      }

      resources {
        cpu    = 250
        memory = 512
      }
    }
  }
