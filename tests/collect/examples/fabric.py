from lightning.fabric import Fabric
from lightning.fabric.loggers import CSVLogger

fabric = Fabric(accelerator="cpu", loggers=CSVLogger("logs"))
for step in range(10):
    fabric.log("loss", 1 / (step + 1), step=step)
    fabric.log_dict({"a": step, "b": step / 2}, step=step)
fabric.logger.finalize("success")
