      user   = "10001:10001"

      kill_timeout = "30s" # more than --grace; above 30s, the client needs max_kill_timeout

      env {
        DJBUNDLE_DATA_DIR = "/storage/data"
      }

      template {
        data        = local.variables
        destination = "secrets/variables.env"
        env         = true
      }
