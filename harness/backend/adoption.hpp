// Orphans that this process can collect.
#pragma once

namespace harness {

// While one lives, what is orphaned below this process becomes its child (PR_SET_CHILD_SUBREAPER),
// and stays it. libvirt starts QEMU as an orphan and takes a zombie for alive; some containers'
// init collects zombies only every other second. Nothing else may be started meanwhile that dies
// unseen: nobody would collect it. Any thread.
class Adoption {
 public:
  Adoption();
  Adoption(const Adoption&) = delete;
  Adoption& operator=(const Adoption&) = delete;
  ~Adoption();
};

} // namespace harness
