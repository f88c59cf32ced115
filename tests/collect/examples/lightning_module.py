import sys

import lightning as L
import torch
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger


class Model(L.LightningModule):
    def __init__(self, lr=0.1):
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(2, 1)

    def training_step(self, batch, index):
        loss = self.layer(batch).mean() ** 2
        self.log("loss", loss)
        return loss

    def validation_step(self, batch, index):
        self.log("val", self.layer(batch).mean())

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), self.hparams.lr)


L.seed_everything(1)
data = torch.utils.data.DataLoader(torch.rand(16, 2), 4)
loggers = {
    "csv": CSVLogger("logs"),
    "both": [TensorBoardLogger("logs"), CSVLogger("logs")],
    "none": False,
}
trainer = L.Trainer(
    max_epochs=2,
    log_every_n_steps=2,
    logger=loggers[sys.argv[1]],
    accelerator="cpu",
    enable_progress_bar=False,
    enable_checkpointing=False,
)
trainer.fit(Model(), data, data)
