# Written by `djbundle init --for nomad`. The site on a Nomad cluster. PostgreSQL and Valkey run elsewhere: their data
# must not move with an allocation.
#
#   djbundle build                                              # dist/${name}, the whole image
#   podman build --tag registry.example/${label}:1 . && podman push registry.example/${label}:1    # your own registry
#   sh deploy/variables.sh HOST-OF-POSTGRESQL HOST-OF-VALKEY    # once: deploy/.env
#   grep '^[A-Z]' deploy/.env | xargs nomad var put nomad/jobs/${label}
#   nomad job run deploy/${label}.nomad.hcl
#
# The first allocation of a new version applies the migrations; the others wait for it.
variable "image" {
  type    = string
  default = "registry.example/${label}:1"
}

locals {
  # Each job may read the variables below its own name.
  variables = <<-END
    {{- with nomadVar "nomad/jobs/${label}" }}
      {{- range .Tuples }}
        {{ .K }}={{ .V | toJSON }}
      {{- end }}
    {{- end }}
  END
}

job "${label}" {
  update {
    max_parallel      = 1
    min_healthy_time  = "10s"
    healthy_deadline  = "10m" # migrations may take some time
    progress_deadline = "15m"
    auto_revert       = true
  }

  group "web" {
    count          = 2
    shutdown_delay = "10s" # from the end of the registration to SIGTERM, so that no request is refused

    network {
      port "http" { to = 8000 }
      port "metrics" { to = 9100 }
    }

    service {
      name     = "${label}"
      provider = "nomad"
      port     = "http"

      check {
        type     = "http"
        path     = "/up"
        interval = "5s"
        timeout  = "5s"
      }
    }

    task "web" {
      driver = "docker"
${task}
      config {
        image = var.image
        args = [
          "serve", "--roles=web", "--bind=0.0.0.0:8000", "--metrics-bind=0.0.0.0:9100",
          "--trusted-proxies=private", "--grace=20",
        ]
        ports = ["http", "metrics"]
${confined}      }

      resources {
        cpu    = 500
        memory = 512
      }
    }
  }
${roles}}
