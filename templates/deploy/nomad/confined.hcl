
        # No right but to answer and to ask, and nothing that outlives the allocation: uploads need MEDIA_URL.
        readonly_rootfs = true
        cap_drop        = ["all"]
        security_opt    = ["no-new-privileges"]
        mount {
          type   = "tmpfs"
          target = "/storage"
        }
