// libvirt's functions, loaded when the first is called: a krepro whose guests run on KVM neither
// waits for libvirt's sixty libraries nor needs them.
#pragma once

#include <libvirt/libvirt-qemu.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

namespace harness {

// NOLINTBEGIN(cppcoreguidelines-macro-usage)
#define KREPRO_LIBVIRT_FUNCTIONS(ITEM)                                                             \
  ITEM(virConnectClose)                                                                            \
  ITEM(virConnectDomainEventDeregisterAny)                                                         \
  ITEM(virConnectDomainEventRegisterAny)                                                           \
  ITEM(virConnectGetCapabilities)                                                                  \
  ITEM(virConnectGetDomainCapabilities)                                                            \
  ITEM(virConnectGetLibVersion)                                                                    \
  ITEM(virConnectGetVersion)                                                                       \
  ITEM(virConnectOpen)                                                                             \
  ITEM(virDomainCreateXML)                                                                         \
  ITEM(virDomainDestroy)                                                                           \
  ITEM(virDomainFree)                                                                              \
  ITEM(virDomainInjectNMI)                                                                         \
  ITEM(virDomainMemoryPeek)                                                                        \
  ITEM(virDomainResume)                                                                            \
  ITEM(virDomainSuspend)                                                                           \
  ITEM(virEventAddTimeout)                                                                         \
  ITEM(virEventRegisterDefaultImpl)                                                                \
  ITEM(virEventRemoveTimeout)                                                                      \
  ITEM(virEventRunDefaultImpl)                                                                     \
  ITEM(virEventUpdateTimeout)                                                                      \
  ITEM(virGetLastError)                                                                            \
  ITEM(virInitialize)                                                                              \
  ITEM(virSetErrorFunc)
#define KREPRO_LIBVIRT_QEMU_FUNCTIONS(ITEM)                                                        \
  ITEM(virConnectDomainQemuMonitorEventDeregister)                                                 \
  ITEM(virConnectDomainQemuMonitorEventRegister)                                                   \
  ITEM(virDomainQemuMonitorCommand)
// NOLINTEND(cppcoreguidelines-macro-usage)

// Each member is the function of the same name.
struct LibvirtApi {
#define KREPRO_MEMBER(name) decltype(&::name) name = nullptr;
  KREPRO_LIBVIRT_FUNCTIONS(KREPRO_MEMBER)
  KREPRO_LIBVIRT_QEMU_FUNCTIONS(KREPRO_MEMBER)
#undef KREPRO_MEMBER
};

// Any thread. Throws base::Error, with the package to install, where a library or a function is
// missing.
const LibvirtApi& libvirt();

} // namespace harness
